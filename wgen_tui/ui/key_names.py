"""Keys by the names that a person writes: `/`, `esc`, `ctrl+o`, `f5`."""

from __future__ import annotations

import re

from textual.keys import Keys

from experiments.suggest import nearest
from wgen_tui.errors import UsageError

KEYS = {
    " ": "space",
    "/": "slash",
    "=": "equals_sign",
    "_": "underscore",
    "?": "question_mark",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    "<": "less_than_sign",
    ">": "greater_than_sign",
    "esc": "escape",
}
WITH_OTHERS = r"((ctrl|shift|alt)\+)+(\w|\w+)"


def key_of(name: str) -> str:
    """A key as Textual names it.

    Raises:
        UsageError: nobody knows it.
    """
    key = KEYS.get(name, name)
    known = {key.value for key in Keys}
    if len(key) == 1 or key in known or key in KEYS.values() or re.fullmatch(WITH_OTHERS, key):
        return key
    near = nearest(name, [*KEYS, *known])
    raise UsageError(
        f"There is no key {name!r}.",
        title="Key",
        hint=f"Did you mean {near}?" if near else "Such as: j, enter, esc, ctrl+p, f5.",
    )
