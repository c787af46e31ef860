"""Plan runs, look at the plan, start them.

Promises: nothing starts but the plan that is shown: a change of any field makes a new one first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from wgen_tui.errors import UsageError
from wgen_tui.terminal_text import printable
from wgen_tui.ui.screens.base import ThreadedScreen
from wgen_tui.ui.state.experiments import plan_text

if TYPE_CHECKING:
    from wgen_tui.services.experiments.definitions import ExperimentInfo
    from wgen_tui.services.planning.plan import Options, Plan

FIELDS = ("model", "arms", "seeds", "n")
PAUSE = 0.4


class StartModal(ThreadedScreen, ModalScreen["Plan | None"]):
    """Model, arms, seeds and n; below them what starting would do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("ctrl+s,ctrl+enter", "start", "start", priority=True),
    ]

    def __init__(self, info: ExperimentInfo) -> None:
        super().__init__()
        self._info = info
        self._plan: Plan | None = None

    def compose(self) -> ComposeResult:
        info = self._info
        hints = {
            "model": ", ".join(info.models),
            "arms": f"all: {', '.join(info.arms)}",
            "seeds": ", ".join(str(seed) for seed in info.seeds),
            "n": "as in the definition",
        }
        with Vertical(classes="dialog wide tall"):
            yield Static(Text(f"Start {info.slug}", "bold"))
            for name in FIELDS:
                with Horizontal(classes="field"):
                    yield Label(name)
                    yield Input(placeholder=hints[name], id=name, compact=True)
            with VerticalScroll(id="plan"):
                yield Static(Text("planning…", "dim"), markup=False)
            yield Static(Text("enter plans again · ctrl+s starts · tab next field · esc", "dim"))

    def on_mount(self) -> None:
        self._timer = self.set_timer(PAUSE, self.make_plan, pause=True)
        self.make_plan()

    def on_input_changed(self) -> None:
        self._plan = None
        self.forget("plan")
        self._timer.stop()
        self._timer = self.set_timer(PAUSE, self.make_plan)

    def on_input_submitted(self) -> None:
        self.make_plan()

    def make_plan(self) -> None:
        """Plan in a thread; the plan replaces what is shown."""
        self._timer.stop()
        self._plan = None
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name in FIELDS}
        home, slug = self.home, self._info.slug
        self._show(Text("planning…", "dim"))

        def work() -> Plan | UsageError:
            from wgen_tui.services.planning import plan  # noqa: PLC0415 - heavy; only when needed

            try:
                return plan.make_plan(home, slug, parse_options(values))
            except UsageError as error:
                return error

        self.load("plan", work, self._planned)

    def _planned(self, plan: Plan | UsageError) -> None:
        if isinstance(plan, UsageError):
            text = Text(f"✗ {plan.title}\n", "bold red")
            text.append(printable(str(plan)), "default")
            self._show(text)
            return
        self._plan = plan
        self._show(plan_text(plan))

    def _show(self, text: Text) -> None:
        self.query_one("#plan Static", Static).update(text)

    def action_start(self) -> None:
        if self._plan is None:
            self.say("There is no plan to start yet.", "Start", "warning")
        elif self._plan.empty:
            self.say("Everything is there already.", "Start")
        else:
            self.dismiss(self._plan)

    def action_cancel(self) -> None:
        self.dismiss(None)


def parse_options(values: dict[str, str]) -> Options:
    """The fields as `services.plan.Options`; an empty field leaves the definition as it is.

    Raises:
        UsageError: n is no whole number.
    """
    from wgen_tui.services.planning.plan import Options  # noqa: PLC0415 - heavy; only when needed

    def names(text: str) -> tuple[str, ...] | None:
        return tuple(part for part in text.replace(",", " ").split()) or None

    n = values["n"]
    if n and not n.lstrip("-").isdigit():
        raise UsageError(f"n = {n!r} is no whole number.", title="n", hint="As in 20.")
    return Options(
        models=names(values["model"]),
        arms=names(values["arms"]),
        seeds=values["seeds"] or None,
        n=int(n) if n else None,
    )
