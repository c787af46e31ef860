"""The state of a launch, read from its files.

Promises: nothing but the files decides, so every process, after any restart, says the same; of a
launch that waits and has not changed, two are asked for by stat and none is read. What
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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from experiments.seen_files import Stamp, stamp
from wgen_tui.paths import LaunchPaths
from wgen_tui.plain_files import read_plain
from wgen_tui.protocol.launches import (
    ENDED_STATES,
    WORKING_STATES,
    DoneRecord,
    LaunchSpec,
    RunOutcome,
    RunState,
    StartRecord,
    read_done,
    read_start,
)
from wgen_tui.protocol.queue import QueueRecord, SlurmRecord, read_queue, read_slurm
from wgen_tui.run_files.tail import NOT_THERE as NOT_THERE
from wgen_tui.services.runs.launch_events import LaunchEvents
from wgen_tui.services.runs.retry_policy import Ended, Retry, decide_retry
from wgen_tui.services.slurm.job_state import is_live, state_in_slurm

SETTLED = 2.0  # seconds that stat has said the same, after which nothing is read
NO_SPACE = "waits for room on the disk"  # where there was none to write down more


def locked(path: Path) -> bool:
    """Whether another process holds an flock on `path`; False when there is no such file.

    To ask takes a shared lock for an instant; those who take the exclusive one wait that long.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a FIFO's would wait for a writer
    except OSError:  # there is none, or what no process can hold
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
class LaunchView:
    """One launch as its files tell it; `refresh` reads only what is new.

    Attributes:
        start: Of the present attempt; None while that has not begun.
        cancelled_runs: Runs that were told to stop for good.
        paused_runs: Runs that were told to stop until they are resumed.
        held: Why the supervisor lets it stand still; empty when it does not.
        retry: Why and how it is tried again, after an end that was none.
        slurm: The job that does it; None when it has none, or none yet.
        events: What its worker has said.
    """

    paths: LaunchPaths
    spec: LaunchSpec
    state: RunState = "queued"
    queue: QueueRecord = field(default_factory=QueueRecord)
    start: StartRecord | None = None
    done: DoneRecord | None = None
    retry: Retry | None = None
    slurm: SlurmRecord | None = None
    held: str = ""
    cancelled_runs: frozenset[str] = frozenset()
    paused_runs: frozenset[str] = frozenset()
    events: LaunchEvents = field(init=False)
    _queue_stamp: Stamp | None = None
    _slurm_stamp: Stamp | None = None
    _controlled: bool = False  # whether there is a folder of requests
    _seen: tuple[Stamp | None, ...] = ()
    _seen_at: float = 0.0

    def __post_init__(self) -> None:
        self.events = LaunchEvents(self.paths.events)

    @property
    def launch_id(self) -> str:
        return self.spec.launch_id

    @property
    def stopped_runs(self) -> frozenset[str]:
        """Runs that were told to stop, for good or for a while."""
        return self.cancelled_runs | self.paused_runs

    @property
    def unfinished_runs(self) -> frozenset[str]:
        """Runs for which it has not ended."""
        return frozenset(name for name in self.spec.run_ids if self.outcome(name) is None)

    @property
    def fully_stopped(self) -> bool:
        """Whether nothing is left to do in it: what is unfinished was told to stop."""
        return self.unfinished_runs <= self.stopped_runs

    @property
    def ended_for_good(self) -> bool:
        """Whether its worker said how it ended, and no attempt follows."""
        return self.done is not None and self.retry is None

    @property
    def may_restart(self) -> bool:
        """Whether nothing is at it that could go on by itself, as a job that is requeued does."""
        return self.retry is not None and not is_live(self.slurm)

    def may_start(self, views: Mapping[str, LaunchView]) -> bool:
        """Whether it is queued and nothing that comes before it is left."""
        return self.state == "queued" and all(
            name in views and views[name].succeeded() for name in self.spec.after
        )

    def is_ready(self, views: Mapping[str, LaunchView]) -> bool:
        """Whether it may start as it is: no attempt has to be begun for it, and no job has it."""
        return self.retry is None and self.slurm is None and self.may_start(views)

    def refresh(self) -> LaunchView:
        """Read what has changed. A launch that has ended is never read again."""
        if self.state in ENDED_STATES or self._unchanged():
            return self
        self._read_control()
        self._read_queue()
        self._read_slurm()  # before done.json, which is written before the job ends
        self.done = read_done(self.paths.done)
        state = self._state_without_done() if self.done is None else self.done.outcome
        self.events.read(self.queue.attempt)
        self.retry = decide_retry(self.ended(state)) if state in ENDED_STATES else None
        if self.slurm is not None:
            state = self._state_in_slurm(state, self.slurm)
        if self.done is not None and self.start is None:
            self.start = read_start(self.paths.started)  # what it waited and was given, for lists
        if self.retry is not None and not is_live(self.slurm):
            state = "queued"
        elif state == "running" and not self.events.ready:
            state = "starting"
        self.state = state
        return self

    def outcome(self, run_id: str) -> RunOutcome | None:
        """How this launch ended for a run; None while it has not."""
        outcome: RunOutcome | None
        if self.done is None:
            progress = self.events.progress.get(run_id)
            outcome = progress.outcome if progress else None
        else:
            outcome = self.done.runs.get(run_id) or RunOutcome(
                outcome=self.done.outcome,
                title=self.done.title,
                message=self.done.message,
                hint=self.done.hint,
            )
        again = self.retry is not None and run_id not in self.stopped_runs
        return None if again and outcome is not None and outcome.outcome != "finished" else outcome

    def succeeded(self) -> bool:
        """Whether what comes after this launch may start: it ended, and some run went well."""
        if self.done is None or not self.ended_for_good:
            return False
        return any(run.outcome == "finished" for run in self.done.runs.values())

    def silent_seconds(self) -> float:
        """How long its worker has written no event, by the clock of the file system."""
        try:
            return max(0.0, time.time() - self.paths.events.stat().st_mtime)
        except OSError:
            return 0.0

    def ended(self, state: RunState) -> Ended:
        """The present attempt as its end is judged."""
        return Ended(
            state=state,
            runs=self.spec.run_ids,
            stopped=self.stopped_runs,
            outcomes=self.events.outcomes() if self.done is None else self.done.runs,
            queue=self.queue,
            stage=self.spec.stage,
            stack=self.queue.stack or self.spec.stack,
            rows=self.queue.rows or self.spec.rows,
            advanced=any(
                n > self.queue.done.get(run, 0) for run, n in self.events.furthest.items()
            ),
        )

    def _unchanged(self) -> bool:
        """Whether stat and the locks say that a look at the files would find nothing new.

        Records come and go by renaming, which changes the time of the folder; so do requests that
        of theirs; events grow, once an attempt has begun. The time of a folder is coarse and what
        follows at once has the same: it counts only when it has stood for a while. Of a job of
        Slurm the files are written on another machine, and stat may say what it said before.
        """
        seen = (
            stamp(self.paths.root),
            stamp(self.paths.control) if self._controlled else None,
            stamp(self.paths.events) if self.start is not None else None,
        )
        if seen != self._seen:
            self._seen, self._seen_at = seen, time.monotonic()
            return False
        if time.monotonic() - self._seen_at < SETTLED or self.slurm is not None:
            return False
        begun = self.start is not None and self.done is None
        return not begun or alive(self.paths) == (self.state in WORKING_STATES)

    def _state_without_done(self) -> RunState:
        stopped = set(self.spec.run_ids) <= self.stopped_runs
        if self.start is None or self.start.attempt < self.queue.attempt:
            self.start = read_start(self.paths.started)
        if self.start is None or self.start.attempt < self.queue.attempt:
            self.start = None
            return "cancelled" if stopped else "queued"
        if alive(self.paths):
            return "running"
        # It may have ended since done.json was read, or a supervisor died while it began the next
        # attempt and had put done.json aside.
        before = self.paths.done_before(self.queue.attempt)
        self.done = read_done(self.paths.done) or read_done(before)
        if self.done is not None:
            return self.done.outcome
        return "cancelled" if stopped else "lost"

    def _state_in_slurm(self, state: RunState, job: SlurmRecord) -> RunState:
        """What Slurm makes of what the files on their own say."""
        if self.ended_for_good:
            return state
        begun = self.start is not None and self.done is None
        state, may_retry = state_in_slurm(state, job, begun, self.retry is not None)
        if state == "lost" and self.retry is None:
            self.retry = decide_retry(self.ended("lost"))
        elif not may_retry:
            self.retry = None
        return state

    def _read_control(self) -> None:
        try:
            names = {entry.name for entry in os.scandir(self.paths.control)}
            self._controlled = True
        except OSError:
            names = set()
            self._controlled = False
        cancelled = {name.removeprefix("cancel-") for name in names if name.startswith("cancel-")}
        paused = {name.removeprefix("pause-") for name in names if name.startswith("pause-")}
        self.cancelled_runs = frozenset(self.spec.run_ids if "cancel" in names else cancelled)
        self.paused_runs = frozenset(paused) - self.cancelled_runs
        self.held = _read_line(self.paths.control / "hold") or NO_SPACE if "hold" in names else ""

    def _read_queue(self) -> None:
        seen = stamp(self.paths.queue)
        if seen is not None and seen != self._queue_stamp:
            self._queue_stamp = seen
            self.queue = read_queue(self.paths.queue)

    def _read_slurm(self) -> None:
        if self.spec.slurm is None:
            return
        seen = stamp(self.paths.slurm)
        if seen is None:
            self.slurm = None
        elif seen != self._slurm_stamp:
            self.slurm = read_slurm(self.paths.slurm)
        self._slurm_stamp = seen


def _read_line(path: Path) -> str:
    """A file of one line, such as a reason; empty without it."""
    try:
        return read_plain(path).decode("utf-8", "replace").strip()
    except OSError:
        return ""
