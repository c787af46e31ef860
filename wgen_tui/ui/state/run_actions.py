"""What the keys of Runs choose among runs, and what they answer in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wgen_tui.ui.state.format import plural

if TYPE_CHECKING:
    from wgen_tui.services.runs.run_state import RunStatus

NOT_LIVE = "Only queued, starting and running runs can be paused; r tries again what has ended."
NOT_ENDED = "Only failed, lost and cancelled runs can be tried again."
NOT_QUEUED = "Only what waits has a priority: this has ended."
NOT_CANCELLABLE = "Only queued, starting and running runs can be cancelled."
CANCEL_CONSEQUENCE = "What is on disk stays; r goes on from there."
REMOVE_CONSEQUENCE = "Checkpoints and samples are gone then; grades by people stay."
UNDER_WAY = "All of it is under way already."
QUEUE_PAUSED = "The queue is paused: nothing more starts, what runs goes on. P goes on."
QUEUE_RESUMED = "The queue goes on."


def to_pause(chosen: Sequence[RunStatus]) -> list[RunStatus]:
    """Those that can be paused and are not."""
    return [run for run in chosen if run.live and not run.paused]


def to_resume(chosen: Sequence[RunStatus]) -> list[RunStatus]:
    """Those that are paused; none while there is one to pause, since the key does one thing."""
    return [] if to_pause(chosen) else [run for run in chosen if run.paused]


def to_retry(chosen: Sequence[RunStatus]) -> list[RunStatus]:
    """Those that ended otherwise than well."""
    return [run for run in chosen if run.retryable]


def paused(runs: Sequence[RunStatus]) -> str:
    """What pausing these, as they were, comes to."""
    at_work = sum(run.state != "queued" for run in runs)
    text = f"{plural(len(runs), 'run')} paused"
    if not at_work:
        return f"{text}; p goes on."
    they = "it saves its" if at_work == 1 else "they save their"
    return (
        f"{text}; {they} state first."
        if at_work == len(runs)
        else (
            f"{text}; {at_work} at work {'saves its' if at_work == 1 else 'save their'} state first."
        )
    )


def confirmation(run_ids: Sequence[str], consequence: str) -> str:
    """Which runs a question is about, and what yes means for them."""
    return ", ".join(run_ids[:3]) + (" …" if len(run_ids) > 3 else "") + f"\n{consequence}"


def resumed(number: int) -> str:
    """So many runs go on where they were."""
    verb = "goes on from its" if number == 1 else "go on from their"
    return f"{plural(number, 'run')} {verb} last complete state."


def moved(launches: int, served: int, how: str) -> str:
    """So many launches have another priority, and so many runs go with them."""
    noun, verb = ("launch", "serves") if launches == 1 else ("launches", "serve")
    return f"{how}: {launches} {noun}, which {verb} {plural(served, 'run')}."
