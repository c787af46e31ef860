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
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.experiments import plan_text
from wgen_tui.ui.threads import ThreadedScreen, loads
from wgen_tui.ui.widgets.arm_choice import ArmChoice
from wgen_tui.ui.widgets.bars import MessageLine
from wgen_tui.ui.widgets.hint_line import HintLine

if TYPE_CHECKING:
    from wgen_tui.services.estimate.plan_outlook import PlanOutlook
    from wgen_tui.services.experiments.names import ExperimentInfo
    from wgen_tui.services.planning.plan import Options, Plan

FIELDS = (("scale",), ("model",), ("arms",), ("seeds", "n", "backend"))  # by lines
KEYS = "space arm · a all · tab next · enter plans · ctrl+s starts · esc"
PLAN_DELAY = 0.4  # seconds after the last change of a field


class StartModal(ThreadedScreen, ModalScreen["Plan | None"]):
    """Fields for scale, model, arms, seeds, n and back end; below them the plan."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("ctrl+s,ctrl+enter", "start", "start", priority=True),
    ]

    def __init__(self, info: ExperimentInfo) -> None:
        super().__init__()
        self._info = info
        self._plan: Plan | None = None
        self._refused = False  # whether there is none, since one cannot be made

    def compose(self) -> ComposeResult:
        info = self._info
        hints = {
            "scale": f"as in the definition; or {', '.join(info.scales)}",
            "model": ", ".join(info.models),
            "seeds": show.seeds(info.seeds),
            "n": "as defined",
            "backend": "local or slurm",
        }
        with Vertical(classes="dialog wide tall"):
            yield Static(Text(printable(f"Start {info.slug}"), "bold"))
            for line in FIELDS if info.scales else FIELDS[1:]:
                with Horizontal(classes=f"field {line[0]}"):
                    for name in line:
                        yield Label(name)
                        if name == "arms":
                            yield ArmChoice(info.arms, id=name)
                        else:
                            yield Input(placeholder=printable(hints[name]), id=name, compact=True)
            with VerticalScroll(id="plan"):
                yield Static(Text("planning…", "dim"), markup=False)
            yield MessageLine()
            yield HintLine(KEYS)

    def on_mount(self) -> None:
        self._timer = self.set_timer(PLAN_DELAY, self._replan, pause=True)
        self._replan()

    def on_input_changed(self) -> None:
        self._changed()

    def on_arm_choice_changed(self) -> None:
        self._changed()

    def _changed(self) -> None:
        """Plan anew once nothing more is changed."""
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
        values = {one.id or "": one.value.strip() for one in self.query(Input)}
        self._show(Text("planning…", "dim"))
        self._make_plan(values, self.query_one(ArmChoice).chosen)

    @loads("plan", then="_planned", failed="_not_planned")
    def _make_plan(
        self, values: dict[str, str], arms: tuple[str, ...] | None
    ) -> tuple[Plan, PlanOutlook] | UsageError:
        try:
            options = parse_options(values, arms)
            plan = services.plan.make_plan(self.home, self._info.slug, options)
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
        self.query_one(ArmChoice).show_planned({run.spec.arm for run in self._plan.runs})
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


def parse_options(values: dict[str, str], arms: tuple[str, ...] | None = None) -> Options:
    """The fields as `Options` of a plan; an empty field keeps the definition's value.

    Args:
        values: The text of each field.
        arms: Those that were chosen by hand; None for all, or the scale's.

    Raises:
        UsageError: no arm is chosen, or n is not a whole number.
    """
    if arms == ():
        raise UsageError(
            "No arm is chosen.", title="Arms", hint="space chooses one, a all of them."
        )
    n = values["n"]
    if n and not n.lstrip("-").isdigit():
        raise UsageError(f"n = {n!r} is not a whole number.", title="n", hint="As in 20.")
    models = tuple(values["model"].replace(",", " ").split())
    return services.plan.Options(
        models=models or None,
        arms=arms,
        seeds=values["seeds"] or None,
        n=int(n) if n else None,
        backend=values["backend"] or None,
        scale=values.get("scale") or None,
    )
