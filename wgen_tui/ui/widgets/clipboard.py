"""Text for the terminal's clipboard by OSC 52, through tmux where there is one."""

from __future__ import annotations

import base64

LIMIT = 74_000  # what xterm and tmux let through, after base64


def osc52(text: str, *, tmux: bool) -> str | None:
    """The sequence that copies `text`; None when it is more than terminals take."""
    body = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    if len(body) > LIMIT:
        return None
    sequence = f"\x1b]52;c;{body}\x07"
    return f"\x1bPtmux;\x1b{sequence}\x1b\\" if tmux else sequence
