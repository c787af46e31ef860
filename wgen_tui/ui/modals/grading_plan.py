"""The dialog of a grading plan: how many, how drawn, how many twice; enter grades.

Promises: what cannot be planned is said under it, and what was typed stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import printable
from wgen_tui.ui.state.plan_form import PlanForm

if TYPE_CHECKING:
    from wgen_tui.services.grading.grading_plan import Available, PlanChoice


class PlanModal(ModalScreen["PlanChoice | None"]):
    """Three rows; digits are typed into a row, arrows go and change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "apply", "grade"),
        Binding("escape,q", "cancel", "cancel"),
        Binding("down,j,tab", "move(1)", "down"),
        Binding("up,k,shift+tab", "move(-1)", "up"),
        Binding("right,l,space", "change(1)", "more"),
        Binding("left,h", "change(-1)", "less"),
        Binding("backspace", "erase", "erase"),
    ]

    def __init__(self, available: Available) -> None:
        super().__init__()
        self._available = available
        usual = available.usual
        self._form = PlanForm(
            available=available,
            most=available.most,
            usual=usual.samples,
            twice=usual.repeats_of,
        )

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Static(Text("Plan to grade", "bold"))
            yield Static(self._form.text(), id="form", markup=False)
            problem = Static(id="problem", markup=False)
            problem.display = False
            yield problem
            yield Static(self._keys(), markup=False)

    def _keys(self) -> Text:
        return Text("\nenter grades · j k row · ← → change, or type · esc cancels", "dim")

    def _draw(self) -> None:
        self.query_one("#form", Static).update(self._form.text())
        self.query_one("#problem", Static).display = False

    def on_key(self, event: events.Key) -> None:
        if event.character is not None and event.character.isdecimal():
            event.stop()
            self._form.type(event.character)
            self._draw()

    def action_move(self, step: int) -> None:
        self._form.move(step)
        self._draw()

    def action_change(self, step: int) -> None:
        self._form.change(step)
        self._draw()

    def action_erase(self) -> None:
        self._form.erase()
        self._draw()

    def action_apply(self) -> None:
        form = self._form
        try:
            choice: PlanChoice = self._available.choose(form.samples, form.draw, form.repeats)
        except UsageError as error:
            problem = self.query_one("#problem", Static)
            problem.update(Text(f"\n✗ {printable(error.message)}", "red"))
            problem.display = True
            return
        self.dismiss(choice)

    def action_cancel(self) -> None:
        self.dismiss(None)
