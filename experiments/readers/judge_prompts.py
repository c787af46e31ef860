"""A judge's prompt as its texts and slots: one reading, for whoever checks it and whoever fills it.

Promises: slots are read once, so that what is filled in is never read for slots again. A prompt
that `str.format` could fill is read as that does (`{{` is one brace), as question files of the
field mean it; in any other, every brace that is no slot stands for itself.
"""

from __future__ import annotations

import re
from string import Formatter

ANSWER_SLOTS = ("answer", "completion")
JUDGE_SLOTS = ("question", "prompt", *ANSWER_SLOTS, "reference", "variant")
SLOT = re.compile(r"\{(" + "|".join(JUDGE_SLOTS) + r")\}")


def split_prompt(template: str) -> list[tuple[str, str | None]]:
    """Each text of a prompt with the slot behind it; None behind the last."""
    try:
        parsed = list(Formatter().parse(template))
    except ValueError:  # a brace that stands alone
        return _plain(template)
    if any(
        field is not None and (field not in JUDGE_SLOTS or spec or conversion)
        for _, field, spec, conversion in parsed
    ):
        return _plain(template)
    pieces: list[tuple[str, str | None]] = []
    text = ""
    for literal, field, _, _ in parsed:
        text += literal
        if field is not None:
            pieces.append((text, field))
            text = ""
    return [*pieces, (text, None)]


def slots_of(template: str) -> set[str]:
    """The slots that a prompt has."""
    return {slot for _, slot in split_prompt(template) if slot is not None}


def _plain(template: str) -> list[tuple[str, str | None]]:
    pieces = SLOT.split(template)
    slots: list[str | None] = [*pieces[1::2], None]
    return list(zip(pieces[::2], slots, strict=True))
