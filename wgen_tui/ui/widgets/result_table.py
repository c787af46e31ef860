"""The rows of a query: sideways to every column.

Promises: columns keep their widths whatever one moves to; the last column can always be brought to
stand whole in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual import events
from textual.message import Message

from wgen_tui.ui import actions
from wgen_tui.ui.state.sql import console as state
from wgen_tui.ui.widgets.table import GUTTER, VirtualTable

if TYPE_CHECKING:
    from wgen_tui.ui.state.sql.console import Measured


class ResultTable(VirtualTable, inherit_bindings=False):
    """A table whose first column can be any of the result's."""

    BINDINGS = actions.bindings(actions.TABLE)  # without a scroll view's own for left and right

    class Sideways(Message):
        """Other columns are shown."""

    def __init__(
        self,
        *,
        empty: str,
        arm_colour: Callable[[str | None, str], str],
        id: str,  # noqa: A002
    ) -> None:
        """Make an empty table.

        Args:
            empty: What stands there instead of rows.
            arm_colour: The style of an arm of an experiment; None for the one in hand.
            id: Of the widget.
        """
        super().__init__((), state.cells_from(0), empty=empty, id=id)
        self._arm_colour = arm_colour
        self._result: Measured | None = None
        self.first_column = 0

    @property
    def _cells_wide(self) -> int:
        return max(self.scrollable_content_region.width - GUTTER, 1)

    @property
    def result(self) -> Measured | None:
        """What is shown."""
        return self._result

    @property
    def which_columns(self) -> str:
        """Which of its columns are shown, if not all."""
        if self._result is None or not self._result.names:
            return ""
        return state.which_columns(self._result, self.first_column, self._cells_wide)

    def show_result(self, result: Measured | None, first_column: int = 0) -> None:
        """Show a result from a column on; None shows nothing."""
        self.marked.clear()
        self._result = result
        self.first_column = first_column
        self._lay_columns()
        self.show_rows([] if result is None else result.rows)

    def _lay_columns(self) -> None:
        if self._result is None or not self._result.names:
            self.set_columns(())
            return
        most = state.last_first(self._result, self._cells_wide)
        self.first_column = min(max(self.first_column, 0), most)
        columns = state.columns(self._result, self.first_column, self._cells_wide)
        arm, experiment = self._result.place("arm"), self._result.place("experiment")

        def colour(values: Sequence[Any]) -> str:
            of = None if experiment is None else str(values[experiment])
            return "" if arm is None else self._arm_colour(of, str(values[arm]))

        self.set_columns(columns, state.cells_from(self.first_column, arm, colour))
        self.post_message(self.Sideways())

    def sideways(self, by: int) -> bool:
        """Begin with another column; whether there are more in that direction."""
        before = self.first_column
        self.first_column += by
        self._lay_columns()
        return self.first_column != before

    def on_resize(self) -> None:
        self._lay_columns()

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        event.stop()
        event.prevent_default()
        self.sideways(1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        event.stop()
        event.prevent_default()
        self.sideways(-1)

    def action_mark(self) -> None:
        super().action_mark()
        self.post_message(self.Sideways())  # how many are marked stands in the heading
