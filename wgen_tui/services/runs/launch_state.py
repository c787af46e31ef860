"""The state of a launch, read from its files.

Promises: nothing but the files decides, so every process, after any restart, says the same. What
ended and will be tried again is queued, not lost: it needs no one but the next supervisor. A launch
is alive for as long as one of its processes can still write to its log: whoever starts it
takes an flock on worker.log and hands the open file down as stdout, so the lock lives and dies with
the processes themselves and needs no process id. Of a launch that was given to Slurm, slurm.json
decides: its worker may be on another machine, where no lock can be seen.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from wgen_tui.paths import Home, LaunchPaths
from wgen_tui.protocol.launches import (
    DoneRecord,
    Event,
    LaunchSpec,
    RunOutcome,
    StartRecord,
    read_start,
)
from wgen_tui.protocol.queue import QueueRecord, SlurmRecord, read_queue, read_slurm
from wgen_tui.services.runs.retry_policy import Ended, Retry, decide_retry
from wgen_tui.services.runs.tail import read_new_lines
from wgen_tui.services.slurm.job_state import is_live, state_in_slurm

LaunchState = Literal["queued", "starting", "running", "finished", "failed", "cancelled", "lost"]
# A home below a plain file is as good as none.
NOT_THERE = (FileNotFoundError, NotADirectoryError)
NO_ROOM = "waits for room on the disk"  # where there was none to write down more
LIVE: frozenset[LaunchState] = frozenset({"starting", "running"})
ENDED: frozenset[LaunchState] = frozenset({"finished", "failed", "cancelled", "lost"})


def locked(path: Path) -> bool:
    """Whether another process holds an flock on `path`; False when there is no such file.

    Looking takes a shared lock for a moment; those who take the exclusive one wait that moment out.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except NOT_THERE:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def alive(paths: LaunchPaths) -> bool:
    """Whether any process of the launch lives (the second lock: a worker started by hand)."""
    return locked(paths.log) or locked(paths.lock)


@dataclass(slots=True)
class Progress:
    """What the events of a launch say of one run."""

    started_at: datetime | None = None
    ended_at: datetime | None = None
    last: Event | None = None
    outcome: RunOutcome | None = None


@dataclass(slots=True)
class LaunchView:
    """One launch as its files tell it; `refresh` reads only what is new.

    Attributes:
        start: Of the present attempt; None while that has not begun.
        best: How far a run has come in any attempt.
        cancelled_runs: Runs that were told to stop for good.
        paused_runs: Runs that were told to stop until they are resumed.
        held: Why the supervisor lets it stand still; empty when it does not.
        retry: Why and how it is tried again, after an end that was none.
        slurm: The job that does it; None when it has none, or none yet.
    """

    paths: LaunchPaths
    spec: LaunchSpec
    state: LaunchState = "queued"
    queue: QueueRecord = field(default_factory=QueueRecord)
    start: StartRecord | None = None
    done: DoneRecord | None = None
    retry: Retry | None = None
    slurm: SlurmRecord | None = None
    ready: bool = False
    message: str = ""
    held: str = ""
    notes: list[str] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    best: dict[str, int] = field(default_factory=dict)
    cancelled_runs: frozenset[str] = frozenset()
    paused_runs: frozenset[str] = frozenset()
    _offset: int = 0
    _attempt: int = 1  # the one that the last event read belongs to
    _queue_stamp: int | None = None
    _slurm_stamp: int | None = None

    @property
    def launch_id(self) -> str:
        return self.spec.launch_id

    @property
    def started_at(self) -> datetime | None:
        return self.start.at if self.start else None

    @property
    def stopped_runs(self) -> frozenset[str]:
        """Runs that were told to stop, for good or for a while."""
        return self.cancelled_runs | self.paused_runs

    @property
    def may_restart(self) -> bool:
        """Whether nothing is at it that could go on by itself, as a job that is requeued does."""
        return self.retry is not None and not is_live(self.slurm)

    def refresh(self) -> LaunchView:
        """Read what has changed. A launch that has ended is never read again."""
        if self.state in ENDED:
            return self
        self._read_control()
        self._read_queue()
        self._read_slurm()  # before done.json, which is written before the job ends
        self.done = read_done(self.paths)
        state = self._state_without_done() if self.done is None else self.done.outcome
        self._read_events()
        self.retry = decide_retry(self.ended(state)) if state in ENDED else None
        if self.slurm is not None:
            state = self._state_in_slurm(state, self.slurm)
        if self.done is not None and self.start is None:
            self.start = read_start(self.paths.started)  # what it waited and was given, for lists
        if self.retry is not None and not is_live(self.slurm):
            state = "queued"
        elif state == "running" and not self.ready:
            state = "starting"
        self.state = state
        return self

    def outcome(self, run_id: str) -> RunOutcome | None:
        """How this launch ended for a run; None while it has not."""
        found: RunOutcome | None
        if self.done is None:
            seen = self.progress.get(run_id)
            found = seen.outcome if seen else None
        else:
            found = self.done.runs.get(run_id) or RunOutcome(
                outcome=self.done.outcome,
                title=self.done.title,
                message=self.done.message,
                hint=self.done.hint,
            )
        again = self.retry is not None and run_id not in self.stopped_runs
        return None if again and found is not None and found.outcome != "finished" else found

    def succeeded(self) -> bool:
        """Whether what comes after this launch may start: it ended, and some run went well."""
        ends = self.done.runs.values() if self.done and self.retry is None else ()
        return any(run.outcome == "finished" for run in ends)

    def silent_seconds(self) -> float:
        """How long its worker has written no event, by the clock of the file system."""
        try:
            return max(0.0, time.time() - self.paths.events.stat().st_mtime)
        except OSError:
            return 0.0

    def ended(self, state: LaunchState) -> Ended:
        """The present attempt as its end is judged."""
        return Ended(
            state=state,
            runs=self.spec.run_ids,
            stopped=self.stopped_runs,
            outcomes=self._outcomes(),
            queue=self.queue,
            stage=self.spec.stage,
            stack=self.queue.stack or self.spec.stack,
            rows=self.queue.rows or self.spec.rows,
            advanced=any(n > self.queue.done.get(run, 0) for run, n in self.best.items()),
        )

    def _outcomes(self) -> dict[str, RunOutcome]:
        if self.done is not None:
            return self.done.runs
        return {run: seen.outcome for run, seen in self.progress.items() if seen.outcome}

    def _state_without_done(self) -> LaunchState:
        stopped = set(self.spec.run_ids) <= self.stopped_runs
        if self.start is None or self.start.attempt < self.queue.attempt:
            self.start = read_start(self.paths.started)
        if self.start is None or self.start.attempt < self.queue.attempt:
            self.start = None
            return "cancelled" if stopped else "queued"
        if alive(self.paths):
            return "running"
        # It may have ended between the two looks, or a supervisor died while it began it again.
        self.done = read_done(self.paths) or read_done_before(self.paths, self.queue.attempt)
        if self.done is not None:
            return self.done.outcome
        return "cancelled" if stopped else "lost"

    def _state_in_slurm(self, state: LaunchState, job: SlurmRecord) -> LaunchState:
        """What Slurm makes of what the files on their own say."""
        if self.done is not None and self.retry is None:
            return state
        begun = self.start is not None and self.done is None
        found, retried = state_in_slurm(state, job, begun, self.retry is not None)
        if found == "lost" and self.retry is None:
            self.retry = decide_retry(self.ended("lost"))
        elif not retried:
            self.retry = None
        return found

    def _read_control(self) -> None:
        try:
            names = {entry.name for entry in os.scandir(self.paths.control)}
        except NOT_THERE:
            names = set()
        told = {name.removeprefix("cancel-") for name in names if name.startswith("cancel-")}
        self.cancelled_runs = frozenset(self.spec.run_ids if "cancel" in names else told)
        told = {name.removeprefix("pause-") for name in names if name.startswith("pause-")}
        self.paused_runs = frozenset(told) - self.cancelled_runs
        self.held = read_words(self.paths.control / "hold") or NO_ROOM if "hold" in names else ""

    def _read_queue(self) -> None:
        try:
            stamp = self.paths.queue.stat().st_mtime_ns
        except OSError:
            return
        if stamp != self._queue_stamp:
            self._queue_stamp = stamp
            self.queue = read_queue(self.paths.queue)

    def _read_slurm(self) -> None:
        if self.spec.slurm is None:
            return
        try:
            stamp = self.paths.slurm.stat().st_mtime_ns
        except OSError:
            self.slurm, self._slurm_stamp = None, None
            return
        if stamp != self._slurm_stamp:
            self._slurm_stamp = stamp
            self.slurm = read_slurm(self.paths.slurm)

    def _read_events(self) -> None:
        lines, self._offset = read_new_lines(self.paths.events, self._offset)
        for line in lines:
            try:
                event = Event.model_validate_json(line)
            except ValidationError:
                continue  # a line torn by a power cut; the next one stands by itself
            self._note(event)
        if self._attempt < self.queue.attempt:
            self._begin_attempt(self.queue.attempt)

    def _begin_attempt(self, number: int) -> None:
        """What an earlier attempt said of runs that it did not finish no longer holds."""
        self._attempt = number
        self.ready = False
        for run_id, seen in self.progress.items():
            if seen.outcome is None or seen.outcome.outcome != "finished":
                self.progress[run_id] = Progress()

    def _note(self, event: Event) -> None:
        if event.kind == "ready":
            self.ready = True
            self.message = event.message or ""
        if event.kind == "note" and event.message:
            self.notes.append(f"{event.run_id}: {event.message}" if event.run_id else event.message)
        if event.kind == "attempt" and event.done is not None:
            self._begin_attempt(event.done)
            self.notes.append(f"attempt {event.done}: {event.message}")
        if event.run_id is None:
            return
        seen = self.progress.setdefault(event.run_id, Progress())
        if event.kind == "run_started":
            seen.started_at = event.at
        elif event.kind == "progress":
            seen.last = event
            self.best[event.run_id] = max(event.done or 0, self.best.get(event.run_id, 0))
        elif event.kind == "run_done" and event.outcome is not None:
            seen.ended_at = event.at
            seen.outcome = RunOutcome(outcome=event.outcome, message=event.message or "")


class Launches:
    """All launches of a home, by id, oldest first; `refresh` costs only what has changed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._views: dict[str, LaunchView] = {}

    def refresh(self, launch_ids: Iterable[str] | None = None) -> dict[str, LaunchView]:
        """Read again, and return the launches (all, or those named that exist)."""
        names = self._listed() if launch_ids is None else sorted(set(launch_ids))
        found: dict[str, LaunchView] = {}
        for name in names:
            view = self._views.get(name) or self._open(name)
            if view is not None:
                self._views[name] = view
                found[name] = view.refresh()
        return found

    def with_predecessors(self, views: dict[str, LaunchView]) -> dict[str, LaunchView]:
        """`views`, refreshed already, and all launches that they come after."""
        every = dict(views)
        while missing := {name for view in every.values() for name in view.spec.after} - set(every):
            found = self.refresh(missing)
            if not found:
                break
            every |= found
        return every

    def _listed(self) -> list[str]:
        try:
            names = [entry.name for entry in os.scandir(self._home.launches)]
        except NOT_THERE:
            return []
        return sorted(name for name in names if not name.startswith("."))

    def _open(self, name: str) -> LaunchView | None:
        paths = self._home.launch(name)
        try:
            spec = LaunchSpec.model_validate_json(paths.spec.read_bytes())
        except (OSError, ValidationError):
            return None  # removed, or written by another version: not ours to run
        return LaunchView(paths, spec)


def read_done(paths: LaunchPaths) -> DoneRecord | None:
    """How the launch ended, or None."""
    return _read_done(paths.done)


def read_done_before(paths: LaunchPaths, attempt: int) -> DoneRecord | None:
    """How an attempt ended whose record has been put aside already, or None."""
    return _read_done(paths.done_before(attempt))


def _read_done(path: Path) -> DoneRecord | None:
    try:
        return DoneRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None


def read_words(path: Path) -> str:
    """A file of one line, such as a reason; empty without it."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
