"""Runs in words: all of them on a line, and one of them in a few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BAD, BOLD, DIM
from wgen_tui.ui.state.run_states import STATES, describe_counts, shown_state
from wgen_tui.ui.state.status import memory

if TYPE_CHECKING:
    from wgen_tui.services.runs.run_state import RunStatus
    from wgen_tui.ui.state.run_views.groups import Group


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
    text.append(f"{run.run_id}", BOLD)
    text.append(f"  {glyph} {shown_state(run)}", style)
    if run.stage:
        text.append(f" · {run.stage}")
    if run.total and run.done is not None:
        text.append(f" · {run.done:,} of {run.total:,} {run.unit or ''}".rstrip())
    if run.started_at and run.ended_at:
        text.append(f" · took {show.duration((run.ended_at - run.started_at).total_seconds())}")
    text.append("\n")
    if parts := _in_the_queue(run, place or {}):
        text.append(" · ".join(parts) + "\n")
    if run.aside:
        text.append(f"{printable(run.aside)}\n", DIM)
    why = "paused by you" if run.paused else run.why
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
    """The key that goes on with it."""
    if run.paused:
        return "p resumes it from its last complete state"
    if run.unplanned:
        return "1, then s on its experiment, plans what does it"
    if run.state == "queued" and "queue is paused" in run.why:
        return "P resumes the queue"
    return "r retries it from its last complete state" if run.retryable else ""


def group_facts(group: Group) -> Text:
    """The lines above the curves while the cursor stands on a group."""
    text = Text()
    text.append(f"{printable(group.key.experiment)}", BOLD)
    text.append(f" · {printable(group.key.model)}\n{describe_counts(count_states(group.runs))}\n")
    for run in group.runs:
        if run.state in ("failed", "lost"):
            text.append(f"✗ {printable(run.arm)} s{run.seed}: {printable(run.why)}\n", BAD)
    return text.append("enter folds or unfolds it; other keys are for all its runs\n", DIM)


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
