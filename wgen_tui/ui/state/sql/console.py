"""Query results as tables: columns as wide as the whole result needs, values on one line.

Promises: a column is as wide as its longest value, up to `WIDEST`, so nothing jumps when one moves
down; what is cut here is whole in the row view and in exports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state.cells import DIM, Cell, Column
from wgen_tui.ui.state.format import MISSING, plural

if TYPE_CHECKING:
    from wgen_tui.services.data.sql import QueryResult

WIDEST = 40
LONGEST = 400  # characters of a value that a cell may need
NUMERIC = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "HUGEINT", "REAL")
PLAN = ("explain_key", "explain_value")
SAMPLE_ID = "sample_id"


def value(item: Any) -> str:
    """A value on one line, safe for a terminal."""
    if item is None:
        return MISSING
    if isinstance(item, float):
        return f"{item:.6g}"
    if isinstance(item, datetime):
        return f"{item:%Y-%m-%d %H:%M:%S}"
    return one_line(str(item)[: LONGEST + 1], LONGEST)


def whole_value(item: Any) -> str:
    """A value as it is, on as many lines as it has; for the row view and the clipboard."""
    return MISSING if item is None else str(item)


def is_number(kind: str) -> bool:
    """Whether a DuckDB type is a number, to be right-aligned."""
    return any(part in kind for part in NUMERIC) and "[" not in kind and "(" not in kind[:4]


@dataclass(frozen=True, slots=True)
class Measured:
    """A result, and how wide each of its columns has to be.

    Attributes:
        names: The headings.
        rows: The rows, or the lines of a plan.
    """

    result: QueryResult
    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    widths: tuple[int, ...]

    def place(self, name: str) -> int | None:
        """In which column a name stands, if in any."""
        return self.names.index(name) if name in self.names else None

    @property
    def sample_place(self) -> int | None:
        """In which column there is a sample's id, if any."""
        return self.place(SAMPLE_ID)


def measured(result: QueryResult) -> Measured:
    """Measure a result; a plan becomes a text, line by line. Called in a thread."""
    names, types, rows = tuple(result.columns), tuple(result.types), result.rows
    if names == PLAN:
        names, types = ("plan",), ("VARCHAR",)
        rows = [(line,) for _, text in rows for line in str(text).splitlines()]
        widths = [max((len(line) for (line,) in rows), default=4)]
    else:
        widths = [_width(name, [row[place] for row in rows]) for place, name in enumerate(names)]
    return Measured(result, names, types, rows, tuple(widths))


def _width(name: str, items: Sequence[Any]) -> int:
    widest = min(cell_len(one_line(name, WIDEST)), WIDEST)
    for item in items:
        if widest >= WIDEST:
            return WIDEST
        widest = max(widest, min(_cells(item), WIDEST))
    return widest


def _cells(item: Any) -> int:
    """How many cells a value takes, or any number from `WIDEST` on."""
    if isinstance(item, str):
        if len(item) >= WIDEST:
            return WIDEST
        if item.isascii() and item.isprintable():
            return len(item)
    elif isinstance(item, int):
        return len(str(item))
    return cell_len(value(item))


def fits(shown: Measured, first: int, width: int) -> int:
    """How many columns from `first` on are whole within `width` cells; at least one."""
    number, used = 0, -1
    for size in shown.widths[first:]:
        used += size + 1
        if used > width:
            break
        number += 1
    return max(number, 1)


def last_first(shown: Measured, width: int) -> int:
    """The column to begin with so that the last one is just whole."""
    first = len(shown.widths) - 1
    while first > 0 and first - 1 + fits(shown, first - 1, width) == len(shown.widths):
        first -= 1
    return max(first, 0)


def columns(shown: Measured, first: int, width: int) -> tuple[Column, ...]:
    """The columns from `first` on; the last of the result takes what is left, if it is whole."""
    listed = []
    whole = first + fits(shown, first, width)
    for place in range(first, len(shown.names)):
        size = shown.widths[place]
        right = is_number(shown.types[place])
        last = place == len(shown.names) - 1
        if last and not right and place < whole:
            size = 0
        listed.append(
            Column(one_line(shown.names[place], WIDEST), size, "right" if right else "left")
        )
    return tuple(listed)


def cells_from(
    first: int, arm: int | None = None, colour: Callable[[Sequence[Any]], str] | None = None
) -> Callable[[Sequence[Any]], list[Cell]]:
    """What makes a row's cells, from a column on.

    Args:
        first: The first column.
        arm: In which column there is an arm, if any.
        colour: The style of a row's arm.
    """

    def style(place: int, item: Any, values: Sequence[Any]) -> str:
        if item is None:
            return DIM
        return colour(values) if colour is not None and place == arm else ""

    def row(values: Sequence[Any]) -> list[Cell]:
        return [
            Cell(value(item), style(place, item, values))
            for place, item in enumerate(values[first:], first)
        ]

    return row


def summary(shown: Measured) -> str:
    """`240 rows in 0.02 s`; with a note when rows were cut."""
    result = shown.result
    more = ", the first of more; X exports all" if result.truncated else ""
    return f"{plural(len(result.rows), 'row')} in {result.seconds:.2f} s{more}"


def which_columns(shown: Measured, first: int, width: int) -> str:
    """`columns 3–7 of 24`; empty where all are shown."""
    number, every = fits(shown, first, width), len(shown.names)
    if first == 0 and number == every:
        return ""
    last = first + number
    span = f"column {last}" if number == 1 else f"columns {first + 1}–{last}"
    return f"{span} of {every}"


def as_text(shown: Measured, rows: Sequence[Sequence[Any]]) -> str:
    """Rows for the clipboard: tabs between values, a line for each; headings where several."""
    lines = [list(shown.names)] if len(rows) > 1 else []
    lines += [[" ".join(whole_value(item).split()) for item in row] for row in rows]
    return "\n".join("\t".join(line) for line in lines)


def fields(shown: Measured, row: Sequence[Any]) -> list[tuple[str, str, Any]]:
    """A row as name, type and value."""
    return list(zip(shown.names, (kind.lower() for kind in shown.types), row, strict=True))


FIELDS = (Column("column", 22), Column("type", 10, hide_below=60), Column("value", 0))


def field_cells(field: tuple[str, str, Any]) -> list[Cell]:
    """A field of the row view as cells."""
    name, kind, item = field
    return [Cell(name), Cell(kind, DIM), Cell(value(item), DIM if item is None else "")]


def field_text(field: tuple[str, str, Any]) -> str:
    """A field's value in full."""
    return printable(whole_value(field[2]))
