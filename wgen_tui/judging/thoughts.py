"""What a thinking model thought, told from what it said."""

from __future__ import annotations

import re

ENDS = re.compile(r"</think(?:ing)?>\s*", re.IGNORECASE)
BEGINS = re.compile(r"<think(?:ing)?>", re.IGNORECASE)


def strip_thoughts(text: str) -> str:
    """What stands behind the last thought; a thought that does not end has nothing behind it.

    A template may open the thought itself, so an end without a beginning ends one as well.
    """
    for end in ENDS.finditer(text):
        after = text[end.end() :]
        if ENDS.search(after) is None:
            text = after
            break
    begin = BEGINS.search(text)
    return text if begin is None else text[: begin.start()]
