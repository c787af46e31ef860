"""What a table shows: columns, and cells with a style.

Promises: a style only repeats what the text says, so nothing is lost without colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

from wgen_tui.terminal_text import printable

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


class Span(NamedTuple):
    """A part of a cell's text with a style of its own, by characters."""

    start: int
    end: int
    style: str


class Cell(NamedTuple):
    """One cell: text on one line, safe for a terminal, and a style.

    Attributes:
        text: What stands in it.
        style: Of the text.
        spans: Parts with another style over it, in order and apart: a mark, a word that was found.
    """

    text: str
    style: str = PLAIN
    spans: tuple[Span, ...] = ()


class Piece(NamedTuple):
    """A part of a line of values to choose from.

    Attributes:
        place: Which of all values it is, in order; None for what is none.
    """

    text: str
    style: str = ""
    place: int | None = None


def pieces(cell: Cell, shown: str, shift: int = 0) -> list[tuple[str, str]]:
    """`shown`, a cell's text as it was fitted, in pieces of one style each.

    Args:
        cell: The cell.
        shown: Its text as it is drawn: padded, perhaps cut.
        shift: By how many characters its beginning was moved to the right.
    """
    if not cell.spans:
        return [(shown, cell.style)]
    parts: list[tuple[str, str]] = []
    at = 0
    for start, end, style in cell.spans:
        start, end = min(start + shift, len(shown)), min(end + shift, len(shown))
        parts += [(shown[at:start], cell.style), (shown[start:end], f"{cell.style} {style}")]
        at = end
    return [(text, style) for text, style in [*parts, (shown[at:], cell.style)] if text]


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


def heading_line(columns: tuple[Column, ...], width: int) -> str:
    """The titles of the columns, each over its column."""
    sizes = widths(columns, width)
    return " ".join(
        fitted(column.title, size, column.align)
        for column, size in zip(columns, sizes, strict=True)
        if size
    )


def line_pieces(
    columns: tuple[Column, ...], cells: Sequence[Cell], width: int
) -> list[tuple[str, str]]:
    """A row in `width` cells: texts, each with its style."""
    line: list[tuple[str, str]] = []
    for column, size, cell in zip(columns, widths(columns, width), cells, strict=True):
        if not size:
            continue
        # Names come from files that anybody may have written.
        shown = printable(cell.text, keep_newlines=False)
        text = fitted(shown, size, column.align)
        if line:
            line.append((" ", ""))
        moved = len(text) - len(shown) if column.align == "right" else 0
        line += pieces(cell, text, max(moved, 0))
    return line
