"""One row of a result as a list of names and values, each value whole below it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from wgen_tui.ui.state.sql import console as state
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.table import VirtualTable

if TYPE_CHECKING:
    from wgen_tui.ui.state.sql.console import Measured

KEYS = "enter {enter}  y copy value  [ ] row  tab value  esc back"


class RowModal(ModalScreen[int | None]):
    """Returns the id of the sample to be opened, if any.

    Args:
        shown: The result.
        index: Which row.
        moved: Called with the index of the row that is shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "cancel"),
        Binding("y", "copy", "copy"),
        Binding("left_square_bracket", "row(-1)", "row before"),
        Binding("right_square_bracket", "row(1)", "next row"),
    ]

    def __init__(self, shown: Measured, index: int, moved: Callable[[int], None]) -> None:
        super().__init__()
        self._shown = shown
        self._index = index
        self._moved = moved

    def compose(self) -> ComposeResult:
        has_sample = self._shown.sample_place is not None
        keys = KEYS.format(enter="opens the sample" if has_sample else "does nothing: no sample_id")
        with Vertical(classes="dialog wide tall row"):
            yield Static("", id="row-title", markup=False)
            yield VirtualTable(state.FIELDS, state.field_cells, id="fields")
            yield TextPane(id="value")
            yield Static(Text(keys if has_sample else keys.split("  ", 1)[1], "dim"))

    def on_mount(self) -> None:
        self.query_one("#fields").focus()
        self._show_row()

    @property
    def _fields(self) -> VirtualTable:
        return self.query_one("#fields", VirtualTable)

    def _show_row(self) -> None:
        rows = self._shown.rows
        title = Text(f"row {self._index + 1:,} of {len(rows):,}", "bold")
        self.query_one("#row-title", Static).update(title)
        self._fields.show_rows(state.fields(self._shown, rows[self._index]), self._shown.names)
        self._show_value()

    def _show_value(self) -> None:
        field = self._fields.current
        if field is not None:
            self.query_one("#value", TextPane).show(Text(state.field_text(field)))

    def on_virtual_table_moved(self) -> None:
        self._show_value()

    def on_virtual_table_selected(self) -> None:
        place = self._shown.sample_place
        if place is not None:
            self.dismiss(self._shown.rows[self._index][place])

    def action_row(self, by: int) -> None:
        """Show the next row, or the one before."""
        self._index = min(max(self._index + by, 0), len(self._shown.rows) - 1)
        self._moved(self._index)
        self._show_row()

    def action_copy(self) -> None:
        """Copy the value under the cursor."""
        field = self._fields.current
        if field is not None:
            self.app.copy_to_clipboard(state.whole_value(field[2]))

    def action_cancel(self) -> None:
        self.dismiss(None)
