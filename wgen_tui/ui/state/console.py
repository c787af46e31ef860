"""Query results and the schema as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state.cells import BOLD, DIM, Cell, Column
from wgen_tui.ui.state.format import MISSING, plural

if TYPE_CHECKING:
    from store.console import TableInfo
    from wgen_tui.services.data.sql import QueryResult

WIDEST = 40
MEASURED_ROWS = 200
NUMERIC = ("INT", "DOUBLE", "FLOAT", "DECIMAL", "HUGEINT", "REAL")


@dataclass(frozen=True, slots=True)
class Name:
    """One line of the schema: a view, or a column of it."""

    name: str
    type: str
    comment: str
    view: bool


def value(item: Any) -> str:
    """A value on one line, safe for a terminal."""
    if item is None:
        return MISSING
    if isinstance(item, float):
        return f"{item:.6g}"
    if isinstance(item, datetime):
        return f"{item:%Y-%m-%d %H:%M:%S}"
    return one_line(str(item), 400)


def row(values: Sequence[Any]) -> list[Cell]:
    """One row of a result."""
    return [Cell(value(item), DIM if item is None else "") for item in values]


def columns(result: QueryResult) -> tuple[Column, ...]:
    """A column for each of the result, as wide as its first rows; the last takes what is left."""
    fitted_columns = []
    for place, (name, kind) in enumerate(zip(result.columns, result.types, strict=True)):
        shown = [cell_len(value(values[place])) for values in result.rows[:MEASURED_ROWS]]
        width = min(max([cell_len(name), *shown]), WIDEST)
        number = any(part in kind for part in NUMERIC)
        last = place == len(result.columns) - 1
        width = 0 if last and not number else width
        fitted_columns.append(Column(one_line(name, WIDEST), width, "right" if number else "left"))
    return tuple(fitted_columns)


def summary(result: QueryResult) -> str:
    """`240 rows in 0.02 s`; with a note when rows were cut."""
    more = ", the first of more; ctrl+e exports all" if result.truncated else ""
    return f"{plural(len(result.rows), 'row')} in {result.seconds:.2f} s{more}"


SCHEMA = (Column("view, column", 22), Column("type", 12), Column("", 0))


def schema(tables: Sequence[TableInfo]) -> list[Name]:
    """Each view followed by its columns."""
    lines = []
    for table in tables:
        lines.append(Name(table.name, "view", table.comment, True))
        lines += [Name(name, kind, comment, False) for name, kind, comment in table.columns]
    return lines


def describe(line: Name) -> str:
    """What a view or column is, in full."""
    kind = "view" if line.view else line.type.lower()
    return one_line(f"{line.name} ({kind}){': ' + line.comment if line.comment else ''}", 400)


def name_cells(line: Name) -> list[Cell]:
    """A line of the schema as cells."""
    return [
        Cell(line.name if line.view else f"  {line.name}", BOLD if line.view else ""),
        Cell(line.type.lower(), DIM),
        Cell(one_line(line.comment, 200), DIM),
    ]
