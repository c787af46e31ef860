"""What every worker does around its work: lock, events, cancelling, and how it ended.

Promises: one process works on a launch at a time; whatever happens short of kill -9 is written to
done.json, last; a run that fails does not stop the others; nothing here imports torch.
"""

from __future__ import annotations

import argparse
import fcntl
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from errno import EDQUOT, ENOMEM, ENOSPC
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from wgen_tui.errors import ExitCode, WgenError
from wgen_tui.paths import Home, LaunchPaths, RunPaths
from wgen_tui.plain_files import append_plain, keep_private
from wgen_tui.protocol import failures
from wgen_tui.protocol.launches import (
    DoneRecord,
    Event,
    EventKind,
    FailedAt,
    LaunchSpec,
    Outcome,
    RunOutcome,
    Stage,
)
from wgen_tui.protocol.queue import read_queue
from wgen_tui.protocol.record import now, write_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.model_place import located_run
from wgen_tui.workers.peak import peak_memory_mb

PROGRESS_SECONDS = 0.25  # between two progress events of a run
HOLD_SECONDS = 0.25  # between two checks whether to continue


class Cancelled(Exception):
    """The user asked for this run, or for all of the launch, to stop."""


class WorkerError(WgenError):
    """A run, or the launch, cannot continue; title, message and hint reach the user."""


@dataclass
class Worker:
    """One worker process: its launch, and what it says to the outside.

    Attributes:
        main: False in the other processes of a distributed launch, which write nothing.
        agree: Whether any process of the launch says yes; each asks at the same points, so that
            all stop at the same step, whoever was told.
        outcomes: How runs ended, of those that have.
    """

    home: Home
    spec: LaunchSpec
    paths: LaunchPaths
    main: bool = True
    any_process: Callable[[bool], bool] = bool
    _stopping: bool = False
    _last_progress: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, RunOutcome] = field(default_factory=dict)
    _places: dict[str, Callable[[], FailedAt]] = field(default_factory=dict)

    def run_paths(self, run_id: str) -> RunPaths:
        return self.home.run(run_id)

    def run_spec(self, run_id: str) -> RunSpec:
        """A run, with its model where it is now."""
        spec = RunSpec.model_validate_json(self.home.run(run_id).spec.read_bytes())
        return located_run(self.home, spec)

    def emit(self, kind: EventKind, run_id: str | None = None, **values: Any) -> None:
        """Append an event; a whole line in one write, so that a reader never sees half of one."""
        if not self.main:
            return
        event = Event(at=now(), kind=kind, run_id=run_id, **values)
        line = event.model_dump_json(exclude_none=True).encode() + b"\n"
        with append_plain(self.paths.events) as stream:
            handle = stream.fileno()
            size = os.fstat(handle).st_size
            if os.write(handle, line) < len(line):  # a disk that fills takes a part of it
                os.ftruncate(handle, size)
                raise OSError(ENOSPC, os.strerror(ENOSPC), str(self.paths.events))

    def progress(self, run_id: str, done: int, total: int, unit: str, **values: Any) -> None:
        """Say how far a run is; often called, seldom written (the last step always is)."""
        moment = time.monotonic()
        if done < total and moment - self._last_progress.get(run_id, 0.0) < PROGRESS_SECONDS:
            return
        self._last_progress[run_id] = moment
        self.emit("progress", run_id, done=done, total=total, unit=unit, **values)

    def note(self, message: str, run_id: str | None = None) -> None:
        """Something a person should know, in the events and in the log."""
        if self.main:
            print(f"{run_id}: {message}" if run_id else message, flush=True)
        self.emit("note", run_id, message=message)

    def check_cancelled(self, run_id: str) -> None:
        """Raise Cancelled if this run is to stop."""
        if self.main:
            self._wait_while_held()
        control = self.paths.control
        if self.any_process(
            self._stopping
            or (control / "cancel").exists()
            or (control / f"cancel-{run_id}").exists()
            or (control / f"pause-{run_id}").exists()
        ):
            raise Cancelled

    def has_requests(self) -> bool:
        """Whether anything is asked of this launch: one look, where many runs would take many."""
        try:
            with os.scandir(self.paths.control) as entries:
                return self._stopping or any(entries)
        except FileNotFoundError:
            return False

    def _wait_while_held(self) -> None:
        """Wait while the supervisor wants us to: there is no room on the disk."""
        while (self.paths.control / "hold").exists() and not self._stopping:
            time.sleep(HOLD_SECONDS)

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """SIGTERM, SIGINT: end at the next step."""
        self._stopping = True

    @contextmanager
    def run(self, run_id: str) -> Iterator[None]:
        """Do one run's work inside; whatever ends it becomes its outcome."""
        self.begin_run(run_id)
        try:
            yield
        except Exception as error:  # the other runs still have their turn
            self.record_error(run_id, error)
        else:
            self.end_run(run_id)

    def begin_run(self, run_id: str) -> None:
        """A run's work starts; several may be at work at once."""
        self.emit("run_started", run_id)

    def record_error(self, run_id: str, error: Exception) -> None:
        """End a run by what stopped it: as asked, for a reason with words, or unexpectedly."""
        if isinstance(error, Cancelled):
            outcome = RunOutcome(outcome="cancelled", title="Cancelled", message="As asked.")
        elif isinstance(error, WgenError):
            outcome = failure(error)
        else:  # a bug, or the machine
            traceback.print_exception(error)
            outcome = unexpected(error)
        self.end_run(run_id, outcome)

    def ask_place(self, run_id: str, place: Callable[[], FailedAt]) -> None:
        """Take note of whom to ask where this run stands, if it should fail."""
        self._places[run_id] = place

    def placed(self, run_id: str, outcome: RunOutcome) -> RunOutcome:
        """An outcome with the place of the failure, where it is one and the place is known."""
        if outcome.outcome != "failed" or run_id not in self._places:
            return outcome
        return outcome.model_copy(update={"failed_at": self._places[run_id]()})

    def end_run(self, run_id: str, outcome: RunOutcome | None = None) -> None:
        """Note how a run's stage ended; without an outcome it went well."""
        outcome = self.placed(run_id, outcome or RunOutcome(outcome="finished"))
        self.outcomes[run_id] = outcome
        self.emit(
            "run_done",
            run_id,
            outcome=outcome.outcome,
            message=outcome.message or None,
            failed_at=outcome.failed_at,
        )
        if outcome.outcome == "failed":
            print(f"{run_id}: {outcome.title}: {outcome.message}", flush=True)


def failure(error: WgenError) -> RunOutcome:
    """The outcome of an error with a message for people."""
    return RunOutcome(outcome="failed", title=error.title, message=error.message, hint=error.hint)


def unexpected(error: BaseException) -> RunOutcome:
    """The outcome of any other error: its nearest known cause, or its last line."""
    title = failures.UNEXPECTED
    hint = "The whole traceback is in the log: wgen-tui run logs RUN."
    if is_out_of_memory(error):
        title, hint = failures.OUT_OF_MEMORY, failures.LESS_MEMORY
    elif is_disk_full(error):
        title = failures.DISK_FULL
        hint = "Make room; the same command goes on from what is there."
    return RunOutcome(outcome="failed", title=title, message=_as_logged(error), hint=hint)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice, on a GPU or not; with less at once it may."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == ENOMEM):
        return True
    line = _as_logged(error)
    return any(known.search(line) for known in (failures.GPU_MEMORY, failures.HOST_MEMORY))


def is_disk_full(error: BaseException) -> bool:
    """Whether a file system, or what the user may have of it, is full."""
    if isinstance(error, OSError) and error.errno in (ENOSPC, EDQUOT):
        return True
    return failures.FULL_DISK.search(_as_logged(error)) is not None


def _as_logged(error: BaseException) -> str:
    """An error as the end of its traceback, the way `failures` knows it."""
    return f"{type(error).__name__}: {error}".strip().rstrip(":")


def launch_worker(stage: Stage, work: Callable[[Worker], None]) -> int:
    """Be the worker of a launch from start to end.

    Args:
        stage: What this program does; a launch of another stage is refused.
        work: Does the runs, each inside `Worker.run`. An exception out of it fails every run
            that has no outcome yet.

    Returns:
        The exit status: 0, or 1 if a run failed, or 3 if another process holds the launch.
    """
    gc.freeze()  # the imports, which entry points make without the collector
    gc.enable()
    keep_private()
    parser = argparse.ArgumentParser(prog=f"python -m wgen_tui.workers.{stage}")
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--launch", required=True)
    options = parser.parse_args()
    home = Home(options.home)
    paths = home.launch(options.launch)
    main = os.environ.get("RANK", "0") == "0"
    spec = read_launch(paths)
    if spec.stage != stage:
        print(f"launch {spec.launch_id} is for {spec.stage}, not {stage}", file=sys.stderr)
        return ExitCode.USAGE
    worker = Worker(home, spec, paths, main)
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    with append_plain(paths.lock) as lock:
        if main:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"launch {spec.launch_id} has a worker already", file=sys.stderr)
                return ExitCode.BUSY
        return work_to_the_end(worker, work)


def exit_process(status: int) -> NoReturn:
    """End the process; all that it has to say is written.

    One of several does not wait for the interpreter's own end: threads of the collectives that
    still let go of tensors then find no interpreter, and abort the process with everything done.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def read_launch(paths: LaunchPaths) -> LaunchSpec:
    """The launch, with the limits that earlier attempts have taught."""
    spec = LaunchSpec.model_validate_json(paths.spec.read_bytes())
    queue = read_queue(paths.queue)
    limits = {"stack": queue.stack or spec.stack, "rows": queue.rows or spec.rows}
    return spec.model_copy(update=limits)


def work_to_the_end(worker: Worker, work: Callable[[Worker], None]) -> int:
    """Do a launch's work; however it ends, done.json says so."""
    started = now()
    verdict = RunOutcome(outcome="finished")
    try:
        work(worker)
    except Cancelled:
        verdict = RunOutcome(outcome="cancelled", title="Cancelled", message="As asked.")
    except WgenError as error:
        verdict = failure(error)
        print(f"{error.title}: {error.message}\n{error.hint}", flush=True)
    except Exception as error:  # the reason must reach done.json, whatever it is
        traceback.print_exc()
        verdict = unexpected(error)
    for run_id in worker.spec.run_ids:
        if run_id not in worker.outcomes:
            worker.outcomes[run_id] = worker.placed(run_id, verdict)
    if verdict.outcome == "finished":
        verdict = RunOutcome(outcome=_summary(worker.outcomes))
    if worker.main:
        write_record(
            worker.paths.done,
            DoneRecord(
                launch_id=worker.spec.launch_id,
                started_at=started,
                ended_at=now(),
                runs=worker.outcomes,
                peak_memory_mb=peak_memory_mb(),
                **verdict.model_dump(),
            ),
        )
    return ExitCode.OK if verdict.outcome != "failed" else ExitCode.FAILED


def _summary(outcomes: dict[str, RunOutcome]) -> Outcome:
    """The launch's outcome: failed if any run is, else cancelled if any is."""
    ends = {outcome.outcome for outcome in outcomes.values()}
    for outcome in ("failed", "cancelled"):
        if outcome in ends:
            return "failed" if outcome == "failed" else "cancelled"
    return "finished"


def cut_torn_line(path: Path) -> None:
    """Cut off the end of a line that a kill or a full disk tore; nobody has read it yet."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    if (whole := data.rfind(b"\n") + 1) < len(data):
        os.truncate(path, whole)
