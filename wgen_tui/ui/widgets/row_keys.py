"""The keys that move a cursor over rows.

Promises: a key that cannot move it says why.
"""

from __future__ import annotations

from textual.geometry import Offset
from textual.scroll_view import ScrollView

from wgen_tui.ui.widgets.bars import say

NOTHING_LISTED = "Nothing is listed here."


class RowKeys(ScrollView):
    """Rows with a cursor.

    Attributes:
        cursor: The row that it stands on.
    """

    cursor = 0

    def __len__(self) -> int:
        raise NotImplementedError

    def move_to(self, index: int) -> None:
        """Put the cursor on the row at `index`, or on the nearest one."""
        raise NotImplementedError

    def clicked(self, at: Offset) -> None:
        """Called when a row was clicked, and has the cursor."""

    def _go(self, index: int) -> None:
        """Move as a key asks, and say so where it cannot."""
        before = self.cursor
        self.move_to(index)
        if self.cursor == before:
            end = f"This is the {'first' if index <= 0 else 'last'} row."
            say(self, end if len(self) else NOTHING_LISTED)

    def action_down(self) -> None:
        self._go(self.cursor + 1)

    def action_up(self) -> None:
        self._go(self.cursor - 1)

    def action_page_down(self) -> None:
        self._go(self.cursor + max(self.size.height - 2, 1))

    def action_page_up(self) -> None:
        self._go(self.cursor - max(self.size.height - 2, 1))

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._go(len(self) - 1)
