"""Choose a query: those that were run, or those that come along; typed words narrow the list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state.sql.query_list import ListedQuery, columns, matching
from wgen_tui.ui.widgets.hint_line import HintLine
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.table import VirtualTable


class QueryModal(ModalScreen[str | None]):
    """Returns the text of the query that was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel")]

    def __init__(self, title: str, queries: Sequence[ListedQuery]) -> None:
        super().__init__()
        self._title = title
        self._queries = list(queries)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide tall queries"):
            yield Static(Text(self._title, "bold"))
            yield Input(placeholder="type words to narrow the list", compact=True)
            yield VirtualTable(*columns(self._queries), empty="None has these words.")
            yield TextPane(id="preview")
            yield HintLine("↑ ↓ choose · enter takes it · esc cancels")

    def on_mount(self) -> None:
        self._list.can_focus = False  # the words have the keys
        self.query_one("#preview", TextPane).can_focus = False
        self._filter("")

    @property
    def _list(self) -> VirtualTable:
        return self.query_one(VirtualTable)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._filter(event.value)

    def _filter(self, text: str) -> None:
        self._list.show_rows(matching(self._queries, text))
        self._list.move_to(0)
        self._preview()

    def _preview(self) -> None:
        query = self._list.current
        text = Text()
        if isinstance(query, ListedQuery):
            if query.answers:
                text.append(f"{printable(query.answers)}\n\n", "bold")
            text.append(printable(query.sql))
        self.query_one("#preview", TextPane).show(text)

    def on_key(self, event: events.Key) -> None:
        moves = {"down": 1, "up": -1, "pagedown": 8, "pageup": -8, "ctrl+r": 1}
        if event.key in moves:
            event.stop()
            event.prevent_default()
            self._list.move_to(self._list.cursor + moves[event.key])
            self._preview()

    def on_virtual_table_selected(self) -> None:
        self.on_input_submitted()

    def on_virtual_table_moved(self) -> None:
        self._preview()

    def on_input_submitted(self) -> None:
        query = self._list.current
        if isinstance(query, ListedQuery):
            self.dismiss(query.sql)

    def action_cancel(self) -> None:
        self.dismiss(None)
