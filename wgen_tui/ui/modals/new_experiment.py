"""A new experiment: its name, and what it begins as.

Promises: what cannot be a name, or is one already, is said under it and what was typed stays; the
name and the template are chosen without leaving the field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.widgets.hint_line import HintLine

if TYPE_CHECKING:
    from wgen_tui.services.experiments.authoring.templates import Template

LARGEST = 100  # cells of a wide dialog
AROUND = 14  # cells of its borders, those of the list, and the paddings of both


class NewModal(ModalScreen["tuple[str, str] | None"]):
    """Returns the name and the template's name."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("down", "move(1)", "down", priority=True),
        Binding("up", "move(-1)", "up", priority=True),
    ]

    def __init__(self, templates: Sequence[Template], check: Callable[[str], object]) -> None:
        """Ask.

        Args:
            templates: What there is to begin with, the usual one first.
            check: Raises a UsageError for a name that cannot be taken, without waiting.
        """
        super().__init__()
        self._templates = templates
        self._check = check

    def compose(self) -> ComposeResult:
        width = max(len(item.name) for item in self._templates)
        cells = min(LARGEST, self.app.size.width * 9 // 10) - AROUND
        with Vertical(classes="dialog wide"):
            yield Static(Text("New experiment", "bold"))
            yield Input(placeholder="its name: letters, digits, . _ -", compact=True)
            problem = Static(id="problem", markup=False)
            problem.display = False
            yield problem
            yield Static(Text("begins as", "dim"))
            yield OptionList(*(Option(_line(item, width, cells)) for item in self._templates))
            yield HintLine("↑ ↓ what it begins as · enter writes it · esc cancels")

    def on_mount(self) -> None:
        options = self.query_one(OptionList)
        options.can_focus = False
        options.highlighted = 0
        self.query_one(Input).focus()

    def action_move(self, step: int) -> None:
        options = self.query_one(OptionList)
        options.action_cursor_down() if step > 0 else options.action_cursor_up()

    def on_option_list_option_selected(self) -> None:
        """A click chooses what it begins as; enter in the field writes it."""
        self.query_one(Input).focus()

    def on_input_changed(self) -> None:
        """What was said is of the name as it was."""
        self.query_one("#problem", Static).display = False
        self.remove_class("-refused")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name = event.value.strip()
        try:
            self._check(name)
        except UsageError as error:
            problem = self.query_one("#problem", Static)
            problem.update(Text(f"✗ {printable(str(error))}\n", "red"))
            problem.display = True
            self.add_class("-refused")
            return
        chosen = self._templates[self.query_one(OptionList).highlighted or 0]
        self.dismiss((name, chosen.name))

    def action_cancel(self) -> None:
        self.dismiss(None)


def _line(template: Template, width: int, cells: int) -> Text:
    """A template on one line, its title cut to what is left of it."""
    text = Text(no_wrap=True)
    text.append(f"{printable(template.name):{width}}  ", "bold")
    return text.append(one_line(template.title, max(cells - width - 2, 0)), "dim")
