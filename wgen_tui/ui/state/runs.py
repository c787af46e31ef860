"""Runs as rows: state in glyph and word, progress, reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import ACTIVE, BAD, BOLD, DIM, Cell, Column
from wgen_tui.ui.state.plots import chart, progress
from wgen_tui.ui.state.run_states import STATES, describe_counts, shown_state
from wgen_tui.ui.state.status import memory

if TYPE_CHECKING:
    from wgen_tui.protocol.runs import MetricRow
    from wgen_tui.services.runs.run_state import RunStatus

BAR = 10
PAUSED = "paused by you; p resumes it"
COLUMNS = (
    Column("state", 11),
    Column("arm", 18),
    Column("seed", 4, "right"),
    Column("stage", 6),
    Column("progress", BAR + 5),
    Column("rate", 14, "right", hide_below=92),
    Column("eta", 6, "right", hide_below=76),
    Column("loss", 6, "right"),
    Column("model", 16, hide_below=150),
    Column("experiment", 22, hide_below=130),
    Column("why", 0, hide_below=92),
)
# Only where a priority differs from the usual one.
WITH_PRIORITY = (COLUMNS[0], Column("prio", 4, "right", hide_below=77), *COLUMNS[1:])


def columns(runs: Iterable[RunStatus]) -> tuple[Column, ...]:
    """What the list shows of these runs."""
    return WITH_PRIORITY if any(run.priority for run in runs if run.live) else COLUMNS


def cells_with_priority(run: RunStatus) -> list[Cell]:
    """A run as the cells of WITH_PRIORITY."""
    state, *rest = cells(run)
    shown = f"{run.priority:+d}" if run.priority and run.live else ""
    return [state, Cell(shown, BOLD), *rest]


def cells(run: RunStatus) -> list[Cell]:
    """A run as the cells of COLUMNS."""
    glyph, style = STATES[shown_state(run)]
    share = ""
    if run.total and run.done is not None:
        share = f"{progress(run.done, run.total, BAR)} {100 * run.done // run.total:3d}%"
    return [
        Cell(f"{glyph} {shown_state(run)}", style),
        Cell(run.arm, BOLD if run.role == "treatment" else ""),
        Cell(str(run.seed)),
        Cell(run.stage or show.MISSING),
        Cell(share),
        Cell(show.speed(run.rate, run.unit) if run.rate is not None else ""),
        Cell(show.duration(run.eta_seconds) if run.eta_seconds is not None else ""),
        Cell(show.number(run.loss) if run.loss is not None else ""),
        Cell(one_line(run.model, 16)),
        Cell(run.experiment),
        Cell(one_line(_why(run), 200), BAD if run.state in ("failed", "lost") else DIM),
    ]


def _why(run: RunStatus) -> str:
    """The reason in the list: short, without shell commands."""
    why = PAUSED if run.paused else run.why
    if run.state == "lost":
        why = why.partition(" died: ")[2] or why  # the cause; which launch, the detail says
    if run.live and run.attempt > 1 and "(attempt" not in why:
        return f"attempt {run.attempt}" + (f": {why}" if why else "")
    return why


def count_states(runs: Iterable[RunStatus]) -> Counter[str]:
    """State, or paused → number of runs."""
    return Counter(shown_state(run) for run in runs)


def summary(runs: Sequence[RunStatus]) -> str:
    """All runs by state, and the time left.

    That is the longest of them: a sum would count what is done in one pass several times.
    """
    left = [run.eta_seconds for run in runs if run.eta_seconds is not None]
    more = f" · {show.duration(max(left))} left in this stage" if left else ""
    return describe_counts(count_states(runs)) + more


def places(runs: Iterable[RunStatus]) -> dict[str, int]:
    """Launch → its place in the queue, from 1."""
    listed = list(runs)
    begun = {run.launch_id for run in listed if run.state in ("starting", "running")}
    waiting = {
        (-run.priority, run.launch_id)
        for run in listed
        if run.state == "queued" and not run.paused and run.launch_id not in begun
    }
    order = sorted((priority, name) for priority, name in waiting if name is not None)
    return {name: place for place, (_, name) in enumerate(order, 1)}


def matching(runs: Sequence[RunStatus], text: str) -> list[RunStatus]:
    """The runs that have every word of `text` in a name, the seed or the state."""
    words = text.lower().split()

    def has(run: RunStatus, word: str) -> bool:
        fields = (
            run.run_id,
            run.experiment,
            run.arm,
            run.model,
            shown_state(run),
            f"seed={run.seed}",
        )
        return any(word in field.lower() for field in fields)

    return [run for run in runs if all(has(run, word) for word in words)]


def facts(
    run: RunStatus, place: Mapping[str, int] | None = None, *, readonly: bool = False
) -> Text:
    """The lines above the loss.

    Args:
        run: The run.
        place: Of the launches that wait, as `places` has it.
        readonly: Whether no key resumes it.
    """
    text = Text()
    glyph, style = STATES[shown_state(run)]
    text.append(f"{run.run_id}\n", BOLD)
    text.append(f"{glyph} {shown_state(run)}", style)
    if run.stage:
        text.append(f" · {run.stage}")
    if run.total and run.done is not None:
        text.append(f" · {run.done:,} of {run.total:,} {run.unit or ''}".rstrip())
    if run.started_at and run.ended_at:
        text.append(f" · took {show.duration((run.ended_at - run.started_at).total_seconds())}")
    for part in _in_the_queue(run, place or {}):
        text.append(f" · {part}")
    text.append("\n")
    if run.aside:
        text.append(f"{printable(run.aside)}\n", DIM)
    why = PAUSED if run.paused else run.why
    if why:
        text.append(f"{printable(why)}\n", BAD if run.state in ("failed", "lost") else DIM)
    if run.failed_where:
        text.append(printable(f"failed at {run.failed_where}\n"))
    if (key := _key_hint(run)) and not readonly:
        text.append(f"{key}\n", BOLD)
    return text


def _in_the_queue(run: RunStatus, place: Mapping[str, int]) -> list[str]:
    """Attempt, priority, place in the queue and waiting time, where they matter."""
    parts = [f"attempt {run.attempt}"] if run.attempt > 1 else []
    if not run.live:
        return parts
    if run.priority:
        parts.append(f"priority {run.priority:+d}")
    if run.state == "queued" and (at := place.get(run.launch_id or "")):
        parts.append(f"launch {at} of {len(place)} in the queue")
        if run.waited_seconds is not None:
            parts.append(f"queued {show.duration(run.waited_seconds)} ago")
    return parts


def _key_hint(run: RunStatus) -> str:
    """The key that resumes it."""
    if run.paused:
        return "p resumes it from its last complete state"
    return "r retries it from its last complete state" if run.retryable else ""


def launch_facts(run: RunStatus) -> Text:
    """The end of the card: its newest launch's wait, GPUs and memory."""
    text = Text()
    if run.launch_id is None:
        return text
    text.append("\nnewest launch\n", BOLD)
    text.append(printable(f"{run.launch_id}\n"), DIM)
    if run.queued_at is not None:
        text.append(f"queued {run.queued_at.astimezone():%Y-%m-%d %H:%M:%S}")
        if run.waited_seconds is not None and run.state != "queued":
            text.append(f", waited {show.duration(run.waited_seconds)}")
        if run.attempt > 1:
            text.append(f", attempt {run.attempt}")
        text.append("\n")
    text.append(printable(f"on {', '.join(run.gpus)}\n") if run.gpus else "")
    expected = f"estimate {memory(run.memory_mb)}" if run.memory_mb else "no estimate"
    taken = memory(run.peak_memory_mb) if run.peak_memory_mb else "unknown"
    text.append(f"memory: {expected}, peak {taken}\n")
    return text


def loss_chart(metrics: Sequence[MetricRow], width: int, height: int) -> Text:
    """The training loss over the steps as columns, with first, last and lowest in words.

    The columns begin a little below the lowest loss: what is to be seen is how it falls.
    """
    if not metrics:
        return Text("no training steps yet\n", DIM)
    values = [row.loss for row in metrics]
    last = metrics[-1]
    text = Text()
    text.append(
        f"loss {show.number(values[0])} → {show.number(values[-1])}, "
        f"lowest {show.number(min(values))} · step {last.step}/{last.steps} "
        f"· lr {last.learning_rate:.2g}\n"
    )
    floor = 0.9 * min(values)
    for line in chart([value - floor for value in values], max(width, 10), height):
        text.append(f"{line}\n", ACTIVE)
    return text
