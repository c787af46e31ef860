"""The queue of a home: its order, its pauses, and attempts after the first.

Promises: everything is a file, changed under one lock and durably, so that a supervisor that dies
and one that follows do the same; pausing what runs lets it save its state first; the supervisor
alone begins attempts, and only of launches whose worker is dead.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from wgen_tui.paths import Home
from wgen_tui.plain_files import parse, read_plain
from wgen_tui.protocol.launches import LIVE_STATES, WORKING_STATES, Event
from wgen_tui.protocol.queue import Attempt, QueueRecord, read_queue
from wgen_tui.protocol.record import now, sync_folder, write_durably, write_record
from wgen_tui.services.runs import process
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.retry_policy import Retry
from wgen_tui.services.slurm import commands


@dataclass(frozen=True, slots=True)
class Pause:
    """Why nothing is started, and since when."""

    since: str
    why: str


@contextmanager
def queue_lock(home: Home) -> Iterator[None]:
    """Hold the lock of all that changes the queue: commits, orders, pauses, attempts."""
    with home.marker.open("r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def paused(home: Home) -> Pause | None:
    """Whether the queue as a whole is paused."""
    try:
        record = parse(read_plain(home.queue))
        return Pause(record["since"], record.get("why", ""))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def pause_queue(home: Home, why: str = "") -> None:
    """Start nothing more; what runs keeps running."""
    home.ensure()
    record = {"since": now().isoformat(timespec="seconds"), "why": why}
    write_durably(home.queue, json.dumps(record).encode() + b"\n")


def resume_queue(home: Home) -> bool:
    """Start launches again; whether the queue was paused."""
    try:
        home.queue.unlink()
    except FileNotFoundError:
        return False
    sync_folder(home.root)
    return True


def reprioritise(home: Home, launch_ids: Sequence[str], by: int | None, to: int | None) -> None:
    """Give launches another priority: `to`, or `by` more than the one they have.

    Higher starts first. What runs already keeps running.
    """
    with queue_lock(home):
        for launch_id in launch_ids:
            path = home.launch(launch_id).queue
            record = read_queue(path)
            priority = to if to is not None else record.priority + (by or 0)
            write_record(path, record.model_copy(update={"priority": priority}))


def waiting_order(views: Sequence[LaunchView]) -> list[LaunchView]:
    """Launches in the order in which they are to start."""
    return sorted(views, key=lambda view: (-view.queue.priority, view.launch_id))


def signal_run(
    home: Home, launches: Launches, launch_ids: Sequence[str], run_id: str, word: str
) -> list[str]:
    """Tell launches to `cancel` or `pause` a run: in a file, then by a signal where one is due.

    Returns:
        The launches that were told; what has ended is not.
    """
    signalled = []
    for view in launches.refresh(launch_ids).values():
        if view.state not in LIVE_STATES:
            continue
        view.paths.control.mkdir(mode=0o700, exist_ok=True)
        (view.paths.control / f"{word}-{run_id}").touch()
        sync_folder(view.paths.control)
        signalled.append(view.launch_id)
        view.refresh()
        if not view.fully_stopped:
            continue
        # Do not wait until it reads the control file.
        if view.slurm is not None:
            commands.end(view.slurm)
        elif view.state in WORKING_STATES:
            process.terminate(home, view.launch_id)
    return signalled


def start_attempt(home: Home, view: LaunchView, retry: Retry, reason: str) -> QueueRecord | None:
    """Make a launch that ended ready to start again.

    A kill between any two of these steps leaves a launch that is tried again all the same.

    Returns:
        Its new record; None if it came to life meanwhile.
    """
    with queue_lock(home):
        view.refresh()
        if view.retry is None:
            return None
        old = view.queue
        ended = Attempt(number=old.attempt, state=retry.kind, reason=reason, at=now())
        record = old.model_copy(
            update={
                "attempt": old.attempt + 1,
                "failures": retry.failures,
                "stack": retry.stack or old.stack,
                "rows": retry.rows or old.rows,
                "done": {**old.done, **view.events.furthest},
                "history": (*old.history, ended),
            }
        )
        if view.paths.done.exists():
            view.paths.done.rename(view.paths.done_before(old.attempt))
        write_record(view.paths.queue, record)
        _append_event(view, record, reason)
    return record


def record_failure(home: Home, view: LaunchView, reason: str) -> None:
    """Write down why a launch is lost for good: its log alone does not show what killed it."""
    with queue_lock(home):
        old = read_queue(view.paths.queue)
        ended = Attempt(number=old.attempt, state=view.state, reason=reason, at=now())
        record = old.model_copy(update={"history": (*old.history, ended)})
        write_record(view.paths.queue, record)
    view.queue = record  # it has ended, and will not be read again


def _append_event(view: LaunchView, record: QueueRecord, reason: str) -> None:
    event = Event(at=now(), kind="attempt", done=record.attempt, message=reason)
    with view.paths.events.open("a+b") as stream:
        if size := stream.tell():
            stream.seek(size - 1)
            if stream.read(1) != b"\n":  # a kill tore the last line
                stream.write(b"\n")
        stream.write(event.model_dump_json(exclude_none=True).encode() + b"\n")
