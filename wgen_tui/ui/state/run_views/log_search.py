"""A log with what is searched for in it marked, and which of the matches the reader is at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

HIT, PRESENT = "reverse", "bold reverse yellow"


class Match(NamedTuple):
    """Where something stands: its line, and first and last character there."""

    line: int
    start: int
    end: int


def matches(lines: Sequence[str], wanted: str) -> list[Match]:
    """Every place where `wanted` stands, in any case; none for an empty one."""
    if not wanted:
        return []
    pattern = re.compile(re.escape(wanted), re.IGNORECASE)
    return [
        Match(number, *hit.span())
        for number, line in enumerate(lines)
        for hit in pattern.finditer(line)
    ]


def marked(lines: Sequence[str], listed: Sequence[Match], present: int) -> Text:
    """The lines with their matches marked; one of them as the present one."""
    text = Text("\n".join(lines))
    starts, at = [], 0
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    for number, match in enumerate(listed):
        style = PRESENT if number == present else HIT
        text.stylize(style, starts[match.line] + match.start, starts[match.line] + match.end)
    return text


def title(wanted: str, listed: Sequence[Match], present: int, lines: int) -> str:
    """`"memory" 3 of 12`; how much was searched where there is none."""
    if not wanted:
        return ""
    if not listed:
        return f'"{wanted}": none in the last {lines:,} lines'
    return f'"{wanted}" {present + 1} of {len(listed)}'


def lines_before(lines: Sequence[str], number: int, width: int) -> int:
    """How many lines of a pane this wide stand before a line, those that are wrapped counted."""
    return sum(max(1, -(-cell_len(line) // width)) for line in lines[:number])
