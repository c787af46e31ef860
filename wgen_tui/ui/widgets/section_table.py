"""A table of sections, each with columns of its own, and a cursor that also moves sideways.

Promises: the cursor never rests on a heading; every cell that is a number can be reached, by keys
and by a click; which number it stands on is drawn without colour too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from textual.geometry import Offset
from textual.message import Message

from wgen_tui.ui import actions
from wgen_tui.ui.state.cells import Cell, Column, Span, heading_line, line_pieces, widths
from wgen_tui.ui.widgets.table import GUTTER, VirtualTable

HEADING = "dim underline"


class SectionRow(Protocol):
    """What such a table lists."""

    @property
    def columns(self) -> tuple[Column, ...]: ...
    @property
    def is_heading(self) -> bool: ...
    @property
    def numbers(self) -> Sequence[object | None]: ...
    def drawn(self) -> list[Cell]: ...


class SectionTable(VirtualTable, inherit_bindings=False):
    """Rows whose columns are their section's; all rows are given (`show_rows`).

    Attributes:
        column: Which of a row's numbers the cursor is on, counted from the left.
    """

    # There is nothing to mark: what a key does, it does to the number under the cursor.
    BINDINGS = actions.bindings(actions.TABLE, without=("mark",))

    class Resized(Message):
        """It has another width: rows drawn for the old one do not fit."""

        def __init__(self, table: SectionTable) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> SectionTable:
            return self.table

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__((), lambda row: row.drawn(), empty=empty, id=id)
        self.column = 0
        self._drawn_for = 0

    @property
    def cells(self) -> int:
        """The cells of a line; 0 before there is one."""
        return max(self._width - GUTTER, 0)

    def cells_beside(self, rows: int) -> int:
        """The cells of a line once so many rows are listed; 0 before there is one."""
        scrolls = rows + 1 > self.size.height
        return max(self.size.width - scrolls * self.styles.scrollbar_size_vertical - GUTTER, 0)

    def on_resize(self) -> None:
        if self.cells != self._drawn_for:
            self._drawn_for = self.cells
            self.post_message(self.Resized(self))

    def show_sections(self, rows: Sequence[Any], keys: Sequence[Any]) -> None:
        """List these rows; the first section's titles stand above."""
        self.set_columns(rows[0].columns if rows else ())
        self.show_rows(rows, keys)
        self._leave_heading(1)

    @property
    def number(self) -> Any | None:
        """What is behind the cell under the cursor."""
        row = self.current
        places = self._places(row)
        return row.numbers[places[self._at(places)]] if row is not None and places else None

    def _places(self, row: Any) -> list[int]:
        """The columns of a row that are numbers."""
        if row is None:
            return []
        return [place for place, number in enumerate(row.numbers) if number is not None]

    def _at(self, places: Sequence[int]) -> int:
        return min(self.column, len(places) - 1)

    # Drawing

    def _line(self, index: int, width: int) -> list[tuple[str, str]]:
        row = self.row(index)
        if row is None:
            return super()._line(index, width)
        if row.is_heading:
            return [(heading_line(row.columns, width), HEADING if any(self._titles(row)) else "")]
        cells = row.drawn()
        places = self._places(row)
        if index == self.cursor and len(places) > 1 and self.has_focus:
            at = places[self._at(places)]
            cells[at] = _lit(cells[at])
        return line_pieces(row.columns, cells, width)

    def _titles(self, row: Any) -> list[str]:
        return [column.title for column in row.columns]

    # Moving

    def move_to(self, index: int) -> None:
        """Put the cursor on the row at `index`, or beyond the heading that stands there."""
        step = -1 if index < self.cursor else 1
        super().move_to(self._beyond(index, step))

    def _beyond(self, index: int, step: int) -> int:
        place = min(max(index, 0), max(len(self) - 1, 0))
        for way in (step, -step):
            at = place
            while 0 <= at < len(self):
                if not self.row(at).is_heading:  # type: ignore[union-attr]
                    return at
                at += way
        return place

    def _leave_heading(self, step: int) -> None:
        row = self.current
        if row is not None and row.is_heading:
            super().move_to(self._beyond(self.cursor, step))

    def sideways(self, step: int) -> bool:
        """Go to the next number of the row; whether there was one."""
        places = self._places(self.current)
        wanted = self._at(places) + step if places else -1
        if not 0 <= wanted < len(places):
            return False
        self.column = wanted
        self._refresh_row(self.cursor, whole=True)
        self.post_message(self.Moved(self))
        return True

    def action_select(self) -> None:
        """Also with nothing listed: whoever is asked says why there is nothing."""
        self.post_message(self.Selected(self))

    def clicked(self, at: Offset) -> None:
        """Choose the column too."""
        row = self.current
        places = self._places(row)
        if row is None or len(places) < 2:
            return
        end, nearest = GUTTER, 0
        for place, size in enumerate(widths(row.columns, self._width - GUTTER)):
            end += size + 1
            if place in places and at.x >= end - size - 2:
                nearest = places.index(place)
        if nearest != self.column:
            self.column = nearest
            self._refresh_row(self.cursor, whole=True)
            self.post_message(self.Moved(self))


def _lit(cell: Cell) -> Cell:
    """A cell under the cursor: reversed, spaces before it left as they are."""
    start = len(cell.text) - len(cell.text.lstrip())
    return Cell(cell.text, cell.style, (Span(start, len(cell.text), "bold reverse"),))
