"""What people do to runs and to the queue: pause, resume, retry, prioritise.

Promises: every wish is on disk before it is answered, and a supervisor is there to follow it; what
a run is not in a state for is refused with the state and the command that fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.services.control.restart import restart_runs
from wgen_tui.services.runs import queue
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.services.runs.runs import get_run, launches_of
from wgen_tui.services.supervisor import lifecycle


def pause(home: Home, names: Iterable[str]) -> list[RunStatus]:
    """Pause runs: what runs saves its state and stops, what is queued does not start.

    Raises:
        UsageError: there is no such run, or it is not live; nothing was paused.
    """
    chosen = [get_run(home, name) for name in names]
    for run in chosen:
        if not run.live:
            raise UsageError(
                f"Run {run.run_id} is {run.state}; there is nothing to pause.", title="Not running"
            )
    launches = Launches(home)
    chosen = [run for run in chosen if not run.paused]
    for run in chosen:
        queue.signal_run(home, launches, launches_of(home, run.run_id), run.run_id, "pause")
    return chosen


def resume(home: Home, names: Iterable[str]) -> tuple[LaunchSpec, ...]:
    """Resume paused runs.

    Raises:
        UsageError: there is no such run, or it is not paused; nothing was resumed.
    """
    chosen = [get_run(home, name) for name in names]
    for run in chosen:
        if not run.paused:
            hint = f"wgen-tui run retry {run.run_id}" if run.retryable else ""
            raise UsageError(
                f"Run {run.run_id} is {run.state} and not paused.", title="Not paused", hint=hint
            )
    return _begin(home, chosen)


def retry(home: Home, names: Iterable[str]) -> tuple[LaunchSpec, ...]:
    """Try runs again that failed, were lost or cancelled: from their last complete state.

    Raises:
        UsageError: there is no such run, or it did not end so; nothing was started.
    """
    chosen = [get_run(home, name) for name in names]
    for run in chosen:
        if not run.retryable:
            hint = f"wgen-tui run resume {run.run_id}" if run.paused else ""
            raise UsageError(
                f"Run {run.run_id} is {run.state}; there is nothing to try again.",
                title="Nothing to retry",
                hint=hint,
            )
    return _begin(home, chosen)


def _begin(home: Home, chosen: Sequence[RunStatus]) -> tuple[LaunchSpec, ...]:
    launches = restart_runs(home, [run.run_id for run in chosen])
    if launches:
        lifecycle.ensure_supervisor(home)
    return launches


def prioritise(
    home: Home, names: Iterable[str], *, by: int | None = None, to: int | None = None
) -> list[str]:
    """Give the launches of runs that are not started another priority.

    A launch serves several runs: all of them move.

    Returns:
        The launches.

    Raises:
        UsageError: there is no such run, or none of its launches waits.
    """
    launches = Launches(home)
    launch_ids: dict[str, None] = {}
    for name in names:
        run = get_run(home, name)
        views = launches.refresh(launches_of(home, run.run_id)).values()
        waiting = [view.launch_id for view in views if view.state == "queued"]
        if not waiting:
            raise UsageError(
                f"Run {run.run_id} is {run.state}; none of its launches waits.", title="Not queued"
            )
        launch_ids.update(dict.fromkeys(waiting))
    queue.reprioritise(home, list(launch_ids), by, to)
    return list(launch_ids)


def highest(home: Home) -> int:
    """The highest priority of a launch that waits; 0 when none does."""
    views = Launches(home).refresh().values()
    return max((view.queue.priority for view in views if view.state == "queued"), default=0)


def resume_queue(home: Home) -> bool:
    """Start launches again; whether the queue was paused."""
    was = queue.resume_queue(home)
    if was:
        lifecycle.ensure_supervisor(home)
    return was
