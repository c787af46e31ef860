"""Text for a clipboard: tmux's buffer, the terminal's clipboard by OSC 52, a file.

Promises: what is said of a copy is so. That tmux has it is said once tmux has shown it back; a
terminal tells nobody whether it took what it was sent, so that is said too, and a file holds it.

tmux is asked by its own command. A sequence from within it is dropped: wrapped, unless
`allow-passthrough` is on, and plain, where `set-clipboard` has its default; `load-buffer -w` works
with both, and hands the text on to the terminal around tmux.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LIMIT = 74_000  # what xterm lets through, after base64
PATIENCE = 5.0  # seconds for tmux to answer
FILE = "copied.txt"
NO_CLIPBOARD = ("", "dumb", "linux", "screen")  # values of TERM without one that takes OSC 52


class Copied(NamedTuple):
    """What became of a text that was to be copied.

    Attributes:
        said: In a sentence, where it is.
        safe: Whether it is certain that it can be had from there.
        sequence: What is still to be sent to the terminal; empty for nothing.
    """

    said: str
    safe: bool
    sequence: str = ""


def osc52(text: str) -> str | None:
    """The sequence that asks a terminal to copy `text`; None when it is more than they take."""
    body = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    return None if len(body) > LIMIT else f"\x1b]52;c;{body}\x07"


def copy(text: str, environment: Mapping[str, str], folder: Path | None) -> Copied:
    """Bring a text to where it can be pasted from; takes a while, so not in a key's handler.

    Args:
        text: What is copied.
        environment: Where TMUX and TERM say what the terminal is.
        folder: For the file; None where nothing may be written.
    """
    many = f"{len(text):,} character{'' if len(text) == 1 else 's'}"
    inside = bool(environment.get("TMUX"))
    if inside and in_tmux(text, environment):
        return Copied(f"Copied {many} to tmux's buffer: prefix ] pastes.", safe=True)
    known = not inside and environment.get("TERM", "") not in NO_CLIPBOARD
    sequence = (osc52(text) if known else None) or ""
    if sequence:
        why = f"Sent {many} to the terminal, which does not say whether it took them"
    elif inside:
        why = "tmux did not take it"
    else:
        why = "Too long for the terminal" if known else "The terminal has no clipboard"
    if folder is None:
        return Copied(f"{why}; --readonly writes no file.", safe=False, sequence=sequence)
    try:
        path = _write(folder, text)
    except OSError as error:
        reason = f"{folder / FILE}: {error.strerror or error}"
        return Copied(f"{why}; not written to {reason}.", safe=False, sequence=sequence)
    return Copied(f"{why}: {'it is also' if sequence else 'it is'} in {path}", True, sequence)


def _write(folder: Path, text: str) -> Path:
    """The text in a file that only its owner reads; the one before it is replaced."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / FILE
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="replace") as stream:
        stream.write(text)
    return path


def in_tmux(text: str, environment: Mapping[str, str]) -> bool:
    """Whether tmux has the text now, as it shows it back."""
    data = text.encode("utf-8", "replace")
    # Before tmux 3.2 there was no -w: the buffer alone then.
    return any(
        _tmux(["load-buffer", *option, "-"], environment, data) is not None
        and _tmux(["show-buffer"], environment) == data
        for option in (["-w"], [])
    )


def _tmux(
    arguments: Sequence[str], environment: Mapping[str, str], data: bytes = b""
) -> bytes | None:
    """What a command of tmux prints; None if it fails."""
    try:
        done = subprocess.run(
            ["tmux", *arguments],
            input=data,
            capture_output=True,
            env=dict(environment),
            timeout=PATIENCE,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
