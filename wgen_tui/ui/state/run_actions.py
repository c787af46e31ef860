"""Which of the chosen runs a key of Runs acts on, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wgen_tui.ui.state.format import plural
from wgen_tui.ui.state.run_states import describe_counts
from wgen_tui.ui.state.runs import count_states

if TYPE_CHECKING:
    from wgen_tui.services.runs.run_state import RunStatus

NOT_LIVE = "Only queued, starting and running runs can be paused; r retries ended ones."
NOT_ENDED = "Only failed, lost and cancelled runs can be retried."
NOT_QUEUED = "Ended runs have no priority."
NOT_CANCELLABLE = "Only queued, starting and running runs can be cancelled."
REMOVE_CONSEQUENCE = "This deletes checkpoints and samples; grades by people stay."
UNDER_WAY = "These runs are under way already."
QUEUE_PAUSED = "The queue is paused: nothing new starts, running work continues. P resumes it."
QUEUE_RESUMED = "The queue is resumed."


def to_pause(chosen: Sequence[RunStatus]) -> list[RunStatus]:
    """Those that can be paused and are not."""
    return [run for run in chosen if run.live and not run.paused]


def to_resume(chosen: Sequence[RunStatus]) -> list[RunStatus]:
    """Those that are paused; none while there is one to pause, since the key does one thing."""
    return [] if to_pause(chosen) else [run for run in chosen if run.paused]


def to_retry(chosen: Sequence[RunStatus]) -> list[RunStatus]:
    """Those that ended without finishing."""
    return [run for run in chosen if run.retryable]


def paused(runs: Sequence[RunStatus]) -> str:
    """What pausing these did, by the states that they had."""
    at_work = sum(run.state != "queued" for run in runs)
    text = f"{plural(len(runs), 'run')} paused"
    if not at_work:
        return f"{text}; p resumes."
    they = "it saves its" if at_work == 1 else "they save their"
    if at_work < len(runs):
        they = f"{at_work} at work {'saves its' if at_work == 1 else 'save their'}"
    return f"{text}; {they} state first."


def cancel_consequence(live: Sequence[RunStatus]) -> str:
    """What cancelling these loses, by the states that they have."""
    at_work = sum(run.state in ("starting", "running") for run in live)
    lost = "What was done since the last saved state is lost. " if at_work else ""
    return f"{describe_counts(count_states(live))}.\n{lost}Files stay on disk; r resumes from them."


def why_not_removed(chosen: Sequence[RunStatus]) -> str:
    """Why these cannot be deleted now; empty where they can."""
    live = sum(run.live for run in chosen)
    if not live:
        return ""
    verb = "is" if live == 1 else "are"
    return f"{live} of {plural(len(chosen), 'run')} {verb} still live: c cancels first."


def confirmation(run_ids: Sequence[str], consequence: str) -> str:
    """Which runs a question is about, and what yes means for them."""
    return ", ".join(run_ids[:3]) + (" …" if len(run_ids) > 3 else "") + f"\n{consequence}"


def resumed(number: int) -> str:
    """How many runs resume."""
    verb = "resumes from its" if number == 1 else "resume from their"
    return f"{plural(number, 'run')} {verb} last complete state."


def moved(launches: int, served: int, how: str) -> str:
    """How many launches have another priority, and how many runs they serve."""
    noun, verb = ("launch", "serves") if launches == 1 else ("launches", "serve")
    return f"{how}: {launches} {noun}, which {verb} {plural(served, 'run')}."
