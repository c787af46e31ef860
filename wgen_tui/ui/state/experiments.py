"""Experiments as rows of a list, shelf by shelf, and a plan before it is started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.protocol.states import STAGES
from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import ACTIVE, BAD, BOLD, WARN, Cell, Column
from wgen_tui.ui.state.run_states import STATES, shown_state

if TYPE_CHECKING:
    from wgen_tui.services.estimate.plan_outlook import PlanOutlook
    from wgen_tui.services.experiments.names import ExperimentInfo
    from wgen_tui.services.planning.plan import Plan
    from wgen_tui.services.runs.run_state import RunStatus

LIVE = ("queued", "paused", "starting", "running")
AXIS = "  -100 0 +100"  # over the mark and the bars of differences in points
N_FROM = 66  # cells from which on n has a column
SHELVES = ("yours", "miniature", "field")  # what runs here without a GPU before what needs one


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """A line of the list: an experiment, or the heading of a shelf.

    Attributes:
        shelf: Where it stands.
        info: None for a heading.
        counts: State → number of its runs.
        in_hand: Whether it is the experiment in hand.
        headline: The cells of its newest headline: bar, number, n.
    """

    shelf: str
    info: ExperimentInfo | None = None
    counts: Counter[str] | None = None
    in_hand: bool = False
    headline: tuple[Cell, ...] = ()

    @property
    def slug(self) -> str:
        """Empty for a heading."""
        return self.info.slug if self.info else ""

    @property
    def unread(self) -> bool:
        """Whether its definition has not been read yet."""
        return self.info is not None and self.info.unread

    @property
    def is_heading(self) -> bool:
        return self.info is None

    @property
    def numbers(self) -> Sequence[object | None]:
        """None that the cursor could stand on."""
        return ()

    @property
    def columns(self) -> tuple[Column, ...]:
        if self.is_heading:
            return (Column(self.shelf, 0),)
        return (
            *(Column(self.shelf, 0), Column("runs", 9), Column(AXIS, len(AXIS))),
            *(Column("points", 7, "right"), Column("n", 9, "right", hide_below=N_FROM)),
        )

    def drawn(self) -> list[Cell]:
        """Its cells."""
        info = self.info
        if info is None:
            return []
        shown = self.headline or (Cell(""), Cell(""), Cell(""))
        name = one_line(info.slug, 80)
        if info.error:
            return [Cell(name, BAD), Cell(_broken(info), BAD), *shown]
        runs = "…" if info.unread else short_counts(self.counts or Counter()) or show.MISSING
        return [Cell(name, BOLD if self.in_hand else ""), Cell(runs), *shown]


def _broken(info: ExperimentInfo) -> str:
    """Where the first mistake of a definition is."""
    line = info.problems[0].line if info.problems else None
    return "✗ error" if line is None else f"✗ line {line}"


def rows(
    infos: Sequence[ExperimentInfo],
    counts: Mapping[str, Counter[str]],
    in_hand: str | None,
    headlines: Mapping[str, tuple[Cell, ...]],
) -> list[ExperimentRow]:
    """The list, shelf by shelf; the first shelf's heading stands above the table."""
    listed: list[ExperimentRow] = []
    for shelf in SHELVES:
        own = sorted((info for info in infos if info.shelf == shelf), key=lambda info: info.place)
        if own and listed:
            listed.append(ExperimentRow(shelf))
        listed += [
            ExperimentRow(
                *(shelf, info, counts.get(info.slug), info.slug == in_hand),
                headline=headlines.get(info.slug, ()),
            )
            for info in own
        ]
    return listed


def run_counts(runs: Iterable[RunStatus]) -> dict[str, Counter[str]]:
    """Experiment → state → number of runs."""
    counts: dict[str, Counter[str]] = {}
    for run in runs:
        counts.setdefault(run.experiment, Counter())[shown_state(run)] += 1
    return counts


def most_alive(slugs: Sequence[str], counts: Mapping[str, Counter[str]]) -> str | None:
    """The experiment to begin with: one at work, else one that has runs."""
    started = [slug for slug in slugs if counts.get(slug)]
    at_work = [s for s in started if any(counts[s][state] for state in LIVE)]
    return next(iter([*at_work, *started]), None)


def short_counts(counts: Counter[str]) -> str:
    """`▶2 ○4 ✓3`."""
    return " ".join(f"{STATES[state][0]}{counts[state]}" for state in STATES if counts[state])


def demo_offer(info: ExperimentInfo | None) -> Text:
    """What a home without runs offers; without the demo's definition, a beginning of one's own."""
    text = Text()
    if info is not None and info.arms:
        tunes = show.plural(len(info.arms) * len(info.seeds), "fine-tune")
        text.append("▌ D ", f"bold {ACTIVE}").append("runs the demo: ", BOLD)
        text.append(f"{tunes} of an embedded model, about a minute, no GPU\n")
    text.append("▌ n ", f"bold {ACTIVE}").append("begins an experiment of your own", BOLD)
    return text.append(", from a template")


def plan_text(plan: Plan, outlook: PlanOutlook) -> Text:
    """What starting the plan would do, and take, in a few lines."""
    text = Text()
    runs = plan.runs
    trained = [run for run in runs if run.spec.trained_here]
    todo = [run for run in runs if run.todo]
    models = ", ".join(dict.fromkeys(run.spec.model.name for run in runs))
    text.append(f"{show.plural(len(runs), 'run')}", BOLD)
    text.append(printable(f" on {models}: {_by_arm(run.spec.arm for run in runs)}\n"))
    examples = {run.spec.arm: run.spec.data_rows for run in trained}
    shown = ", ".join(f"{arm} {rows:,}" for arm, rows in examples.items())
    text.append(printable(f"examples   {shown or 'none'}\n"))
    in_context = {r.spec.arm: n for r in runs if (n := r.spec.in_context) is not None}
    if in_context:
        said = ", ".join(f"{arm} {rows:,}" for arm, rows in in_context.items())
        text.append(
            printable(f"in context {said} (rows before every prompt; nothing is trained)\n")
        )
    total = sum(run.samples_total for run in runs)
    missing = sum(run.samples_missing for run in runs)
    text.append(f"samples    {total:,} over {show.plural(len(plan.prompts), 'prompt')}")
    text.append(f", {missing:,} still to draw\n")
    stages = Counter(stage for run in todo for stage in run.todo)
    doing = ", ".join(
        f"{stage} {show.plural(stages[stage], 'run')}" for stage in STAGES if stages[stage]
    )
    if todo:
        text.append(f"to do      {doing}\n")
    if not plan.empty:
        _takes(text, outlook, plan.disk_mb)
    else:
        text.append("Everything is done already: nothing to start.\n", BOLD)
    for note in plan.notes:
        text.append(printable(f"{note}\n"))
    for warning in plan.warnings:
        text.append(f"⚠ {printable(warning)}\n", WARN)
    return text


def _takes(text: Text, outlook: PlanOutlook, disk_mb: int) -> None:
    """Time, memory and disk."""
    text.append("time       ")
    if outlook.seconds is None:
        text.append("not known: nothing like it has run here\n")
    else:
        text.append(f"about {show.duration(outlook.seconds)}", BOLD)
        text.append(", as launches with this model took here")
        text.append(f"; without {', '.join(outlook.untimed)}\n" if outlook.untimed else "\n")
    of = "of a GPU" if outlook.on_gpu else "of this machine"
    most = f"at most {outlook.memory_mb:,} MB {of}" if outlook.memory_mb else "not known"
    text.append(f"memory     {most}\n")
    text.append(f"disk       at most {disk_mb:,} MB\n")


def _by_arm(arms: Iterable[str]) -> str:
    counts: Mapping[str, int] = Counter(arms)
    return ", ".join(f"{arm} × {n}" if n > 1 else arm for arm, n in counts.items())
