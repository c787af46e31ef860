"""A table whose rows are lines of more than one kind, some of them headings of others.

Promises: a mark on a heading is a mark on all below it, also while they are folded away; what is
drawn again is what changed, however it is drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Protocol

from textual.geometry import Region

from wgen_tui.ui.widgets.table import GUTTER, VirtualTable


class Drawing(Protocol):
    """How rows become lines."""

    def heading(self, width: int) -> str: ...
    def line(self, row: Any, width: int) -> list[tuple[str, str]]: ...
    def below(self, row: Any) -> Sequence[Any] | None: ...


class LineTable(VirtualTable):
    """Rows that a `Drawing` draws; `below` has the keys of what a heading stands over.

    Args:
        drawing: Draws them.
    """

    def __init__(self, drawing: Drawing, *, empty: str = "", id: str | None = None) -> None:  # noqa: A002
        super().__init__((), lambda _: (), empty=empty, id=id)
        self._drawing = drawing

    def show_lines(
        self, drawing: Drawing, rows: Iterable[tuple[Any, Any]], known: Collection[Any]
    ) -> None:
        """List these rows, each behind its key.

        Args:
            drawing: Draws them from now on.
            rows: Keys and rows.
            known: Every key that a mark may be on, of rows that are folded away too.
        """
        listed = list(rows)
        width, marked = self._width - GUTTER, self.marked & set(known)
        before = self._visible_lines()
        titles = self._drawing.heading(max(width, 1))
        self._drawing = drawing
        self.show_rows([row for _, row in listed], [key for key, _ in listed])
        self.marked = marked
        if titles != drawing.heading(max(width, 1)):
            self.refresh()
        for y, (old, new) in enumerate(zip(before, self._visible_lines(), strict=False)):
            if old != new:
                self.refresh(Region(0, y + 1, self.size.width, 1))

    @property
    def shown_rows(self) -> list[Any]:
        """The rows in view."""
        return [self.row(index) for index in self._visible()]

    def mark_all(self, keys: Collection[Any]) -> None:
        """Mark all of these, or unmark them if all of them are marked."""
        self.marked = self.marked - set(keys) if set(keys) <= self.marked else {*self.marked, *keys}
        self.refresh()
        self.post_message(self.Marked(self))

    def action_mark(self) -> None:
        below = self._below(self.cursor)
        if below is None:
            super().action_mark()
        elif below:
            self.mark_all(below)
            self.move_to(self.cursor + 1)

    def _below(self, index: int) -> Sequence[Any] | None:
        row = self.row(index)
        return None if row is None else self._drawing.below(row)

    def _is_marked(self, index: int) -> bool:
        below = self._below(index)
        return (
            super()._is_marked(index)
            if below is None
            else bool(below) and set(below) <= self.marked
        )

    def _heading(self, width: int) -> str:
        return self._drawing.heading(width)

    def _line(self, index: int, width: int) -> list[tuple[str, str]]:
        row = self.row(index)
        return [] if row is None else self._drawing.line(row, width)
