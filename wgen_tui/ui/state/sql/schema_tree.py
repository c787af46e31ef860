"""What can be queried, as a tree: views, and the columns of those that are unfolded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state.cells import BOLD, DIM, Cell, Column

if TYPE_CHECKING:
    from store.console import TableInfo

COLUMNS = (Column("view, column", 24), Column("type", 0))


@dataclass(frozen=True, slots=True)
class Name:
    """One line of the tree: a view, or a column of it."""

    view: str
    column: str
    type: str
    comment: str
    unfolded: bool = False

    @property
    def name(self) -> str:
        """What is written into a query."""
        return self.column or self.view

    @property
    def key(self) -> str:
        """What the cursor stays with."""
        return f"{self.view}.{self.column}"


def lines(tables: Sequence[TableInfo], unfolded: Collection[str]) -> list[Name]:
    """Each view, followed by its columns if it is unfolded."""
    listed = []
    for table in tables:
        is_open = table.name in unfolded
        kind = f"{len(table.columns)} columns"
        listed.append(Name(table.name, "", kind, table.comment, is_open))
        if is_open:
            listed += [
                Name(table.name, name, kind, comment) for name, kind, comment in table.columns
            ]
    return listed


def cells(line: Name) -> list[Cell]:
    """A line of the tree as cells."""
    if line.column:
        return [Cell(f"    {line.column}"), Cell(line.type.lower(), DIM)]
    mark = "▾" if line.unfolded else "▸"
    return [Cell(f"{mark} {line.view}", BOLD), Cell(line.type, DIM)]


def describe(line: Name) -> str:
    """What a view or column is, in full."""
    kind = line.type.lower() if line.column else "view"
    what = line.comment[:1].lower() + line.comment[1:] if line.column else line.comment
    return one_line(f"{line.name} ({kind}){': ' + what if what else ''}", 400)
