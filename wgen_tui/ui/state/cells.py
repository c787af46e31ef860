"""What a table shows: columns, and cells with a style.

Promises: a style only repeats what the text says, so nothing is lost without colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

PLAIN = ""
DIM = "dim"
BOLD = "bold"
GOOD = "green"
WARN = "yellow"
BAD = "red"
ACTIVE = "cyan"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: Its heading.
        width: In cells; 0 takes what the others leave (one column of a table may).
        align: Where the text stands.
        hide_below: Not shown in a table narrower than this.
    """

    title: str
    width: int
    align: Literal["left", "right"] = "left"
    hide_below: int = 0


class Cell(NamedTuple):
    """One cell: text on one line, safe for a terminal, and a style."""

    text: str
    style: str = PLAIN


def widths(columns: tuple[Column, ...], available: int) -> list[int]:
    """The width of each column when all have `available` cells, one between them; 0 hides it."""
    sizes = [column.width if available >= column.hide_below else 0 for column in columns]
    shown = [index for index, column in enumerate(columns) if available >= column.hide_below]
    rest = available - sum(sizes) - max(len(shown) - 1, 0)
    for index, column in enumerate(columns):
        if column.width == 0 and index in shown:
            sizes[index] = max(rest, 4)
    return sizes


def fitted(text: str, width: int, align: str = "left") -> str:
    """`text` cut with an ellipsis, or padded, to exactly `width` cells."""
    length = cell_len(text)
    if length > width:
        return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)
    return " " * (width - length) + text if align == "right" else text + " " * (width - length)
