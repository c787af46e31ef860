"""The saved views of Samples: choose one, save what is listed, take one away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state.cells import fitted
from wgen_tui.ui.widgets.hint_line import HintLine

if TYPE_CHECKING:
    from wgen_tui.services.data.saved_views import SavedView

NAME = 24  # cells
SHOWN = 200  # characters of a filter
HINT = "enter lists · s saves what is listed · x takes away · esc cancels"
Answer = tuple[Literal["list", "save", "remove"], int]


class ViewsModal(ModalScreen[Answer | None]):
    """What to do, and with which of the views."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,V", "cancel", "cancel"),
        Binding("s", "save", "save"),
        Binding("x", "remove", "take away"),
        Binding("j", "move('down')", "down", show=False),
        Binding("k", "move('up')", "up", show=False),
    ]

    def __init__(self, views: Sequence[SavedView]) -> None:
        super().__init__()
        self._views = list(views)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Static(Text("Saved views", "bold"))
            if self._views:
                yield OptionList(*(Option(_line(view)) for view in self._views))
            else:
                yield Static("None yet.", markup=False)
            yield HintLine(HINT)

    def on_mount(self) -> None:
        for listed in self.query(OptionList):
            listed.focus()
            listed.highlighted = 0

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(("list", event.option_index))

    def action_save(self) -> None:
        self.dismiss(("save", -1))

    def action_remove(self) -> None:
        place = self.query_one(OptionList).highlighted
        if place is not None:
            self.dismiss(("remove", place))

    def action_move(self, direction: str) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if direction == "down" else options.action_cursor_up()

    def action_cancel(self) -> None:
        self.dismiss(None)


def _line(view: SavedView) -> Text:
    text = Text(fitted(one_line(view.name, 60), NAME), "bold", no_wrap=True)
    text.append(f" {one_line(view.filter, SHOWN) or 'all samples'}", "")
    if view.columns:
        text.append(f"  columns {' '.join(view.columns)}", "dim")
    return text
