"""Plan runs, show the plan, start them.

Promises: only the plan that is shown is started; a change of any field makes a new plan first.
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
from wgen_tui.ui import services
from wgen_tui.ui.state.experiments import plan_text
from wgen_tui.ui.threads import ThreadedScreen, loads
from wgen_tui.ui.widgets.bars import MessageLine

if TYPE_CHECKING:
    from wgen_tui.services.estimate.plan_outlook import PlanOutlook
    from wgen_tui.services.experiments.names import ExperimentInfo
    from wgen_tui.services.planning.plan import Options, Plan

FIELDS = ("scale", "model", "arms", "seeds", "n")
PLAN_DELAY = 0.4  # seconds after the last change of a field


class StartModal(ThreadedScreen, ModalScreen["Plan | None"]):
    """Fields for scale, model, arms, seeds and n; below them the plan."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("ctrl+s,ctrl+enter", "start", "start", priority=True),
    ]

    def __init__(self, info: ExperimentInfo) -> None:
        super().__init__()
        self._info = info
        self._fields = [name for name in FIELDS if name != "scale" or info.scales]
        self._plan: Plan | None = None
        self._refused = False  # whether there is none, since one cannot be made

    def compose(self) -> ComposeResult:
        info = self._info
        hints = {
            "scale": f"as in the definition; or {', '.join(info.scales)}",
            "model": ", ".join(info.models),
            "arms": f"all: {', '.join(info.arms)}",
            "seeds": ", ".join(str(seed) for seed in info.seeds),
            "n": "as in the definition",
        }
        with Vertical(classes="dialog wide tall"):
            yield Static(Text(printable(f"Start {info.slug}"), "bold"))
            for name in self._fields:
                with Horizontal(classes="field"):
                    yield Label(name)
                    yield Input(placeholder=printable(hints[name]), id=name, compact=True)
            with VerticalScroll(id="plan"):
                yield Static(Text("planning…", "dim"), markup=False)
            yield MessageLine()
            yield Static(Text("enter plans again · ctrl+s starts · tab next field · esc", "dim"))

    def on_mount(self) -> None:
        self._timer = self.set_timer(PLAN_DELAY, self._replan, pause=True)
        self._replan()

    def on_input_changed(self) -> None:
        self._plan, self._refused = None, False
        self.discard_load("plan")
        self._timer.stop()
        self._timer = self.set_timer(PLAN_DELAY, self._replan)

    def on_input_submitted(self) -> None:
        self._replan()

    def _replan(self) -> None:
        """Plan with the fields as they are; the plan replaces the one that is shown."""
        self._timer.stop()
        self._plan, self._refused = None, False
        self.query_one(MessageLine).clear()
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name in self._fields}
        self._show(Text("planning…", "dim"))
        self._make_plan(values)

    @loads("plan", then="_planned", failed="_not_planned")
    def _make_plan(self, values: dict[str, str]) -> tuple[Plan, PlanOutlook] | UsageError:
        try:
            plan = services.plan.make_plan(self.home, self._info.slug, parse_options(values))
        except UsageError as error:
            return error
        launches = services.commit.launches_for(plan)
        free_mb = max((gpu.free_mb for gpu in services.gpus.probe()), default=None)
        return plan, services.plan_outlook.outlook(self.home, plan.runs, launches, free_mb)

    def _planned(self, planned: tuple[Plan, PlanOutlook] | UsageError) -> None:
        if isinstance(planned, UsageError):
            text = Text(f"✗ {planned.title}\n", "bold red")
            text.append(printable(str(planned)), "default")
            self._refuse(text)
            return
        self._plan = planned[0]
        self._show(plan_text(*planned))

    def _not_planned(self) -> None:
        self._refuse(Text("✗ no plan: the line below says why", "bold red"))

    def _refuse(self, why: Text) -> None:
        self._refused = True
        self._show(why)

    def _show(self, text: Text) -> None:
        self.query_one("#plan Static", Static).update(text)

    def action_start(self) -> None:
        if self._plan is None:
            why = "What is wrong stands above." if self._refused else "The plan is not made yet."
            self.notify_plain(why, "Not started")
        elif self._plan.empty:
            self.notify_plain("Everything is done already.", "Not started")
        else:
            self.dismiss(self._plan)

    def action_cancel(self) -> None:
        self.dismiss(None)


def parse_options(values: dict[str, str]) -> Options:
    """The fields as `Options` of a plan; an empty field keeps the definition's value.

    Raises:
        UsageError: n is not a whole number.
    """

    def names(text: str) -> tuple[str, ...] | None:
        return tuple(part for part in text.replace(",", " ").split()) or None

    n = values["n"]
    if n and not n.lstrip("-").isdigit():
        raise UsageError(f"n = {n!r} is not a whole number.", title="n", hint="As in 20.")
    return services.plan.Options(
        models=names(values["model"]),
        arms=names(values["arms"]),
        seeds=values["seeds"] or None,
        n=int(n) if n else None,
        scale=values.get("scale") or None,
    )
