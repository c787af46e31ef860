"""What Slurm starts on a node: the worker of one launch, as on any other machine.

Promises: the worker's command line is that of `launch`, its output is in worker.log under the same
lock; at the time limit, and before a preemption that gives notice, the worker is told to save, and
the job is requeued once it has; what a person cancelled is not.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from threading import Event
from types import FrameType

from wgen_tui.errors import WgenError
from wgen_tui.paths import Home
from wgen_tui.plain_files import keep_private
from wgen_tui.protocol.launches import RunOutcome, read_done
from wgen_tui.protocol.queue import SlurmSettings
from wgen_tui.protocol.record import write_record
from wgen_tui.services.runs import process, queue
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView, alive
from wgen_tui.services.slurm import commands

POLL_EVERY = 0.25  # seconds
LIMIT = signal.SIGUSR2  # what submitit asks Slurm to send before the time limit
NO_TIME = ("", "None", "N/A", "Unknown", "(null)")


class _Signals:
    """The signals that have come."""

    def __init__(self) -> None:
        self.limit = self.term = False
        self._any = Event()
        signal.signal(LIMIT, self._note)
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.limit |= number == LIMIT
        self.term |= number == signal.SIGTERM
        self._any.set()

    def __bool__(self) -> bool:
        return self._any.is_set()

    def wait(self, seconds: float) -> None:
        """Return at a new signal, or after a while."""
        self._any.wait(seconds)


def run_launch(home_root: str, launch_id: str) -> None:
    """Run a launch; called by submitit in a Slurm task.

    Args:
        home_root: The home, at the same place on all nodes.
        launch_id: The launch.

    Raises:
        RuntimeError: another worker is at it.
        SystemExit: the job was requeued, and Slurm is about to end this process.
    """
    keep_private()
    received = _Signals()
    home = Home(Path(home_root))
    view = _read_view(home, launch_id)
    if view is None or view.spec.slurm is None or _is_over(view):
        print(f"{launch_id}: nothing is left to do")
        return
    if alive(view.paths):
        raise RuntimeError(f"launch {launch_id} has a worker already")
    if view.retry is not None:
        queue.start_attempt(home, view, view.retry, "requeued by Slurm")
    worker = _spawn(home, view)
    _wait(worker, view, received)
    print(f"{launch_id}: the worker ended with status {worker.returncode}")
    if received:
        _requeue(home, launch_id, received, view.spec.slurm)


def _read_view(home: Home, launch_id: str) -> LaunchView | None:
    return Launches(home).refresh([launch_id]).get(launch_id)


def _is_over(view: LaunchView) -> bool:
    """Whether a launch has ended for good, or all that is left of it was told to stop."""
    return view.ended_for_good or view.fully_stopped


def _spawn(home: Home, view: LaunchView) -> Popen[bytes]:
    # Slurm sends the limit's signal to every process of the task, and would so end those that do
    # not know it. A blocked signal stays blocked in all that the worker starts; one that comes in
    # between is kept for us.
    signal.pthread_sigmask(signal.SIG_BLOCK, {LIMIT})
    try:
        return process.spawn(home, view.spec)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {LIMIT})


def _wait(worker: Popen[bytes], view: LaunchView, received: _Signals) -> None:
    """Wait for all of the worker's processes; pass on the first signal, so that they save."""
    passed_on = False
    pause = Event()
    # Of several processes the launcher may go first: the log's lock tells when all have gone.
    while worker.poll() is None or alive(view.paths):
        if received and not passed_on:
            passed_on = True
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGTERM)
        (pause if passed_on else received).wait(POLL_EVERY)


def _requeue(home: Home, launch_id: str, received: _Signals, settings: SlurmSettings) -> None:
    """Let Slurm start the job again, if that is why it was stopped."""
    view = _read_view(home, launch_id)
    if view is None or _is_over(view):
        return
    task_id = own_task_id()
    try:
        facts = commands.facts(task_id)
        # COMPLETING: Slurm is ending the job itself. Requeueing would wake what scancel ended;
        # a job that is preempted without notice Slurm requeues by itself.
        running = facts.get("JobState") == "RUNNING"
        preempted = facts.get("PreemptTime", "") not in NO_TIME
        if not running or not (received.limit or preempted):
            return
        if received.limit and not preempted and int(facts["Restarts"]) >= settings.max_requeues:
            _give_up(view, settings)
            return
        commands.run(["scontrol", "requeue", task_id])
    except WgenError as error:
        # The job ends without a result; the supervisor gives the launch to Slurm again.
        print(f"{launch_id}: not requeued: {error.message}")
        return
    print(f"{launch_id}: stopped and requeued")
    raise SystemExit(0)


def own_task_id() -> str:
    """The task that we are, as scontrol names it; a bare job id may mean a whole array."""
    env = os.environ
    if "SLURM_ARRAY_TASK_ID" in env:
        return f"{env['SLURM_ARRAY_JOB_ID']}_{env['SLURM_ARRAY_TASK_ID']}"
    return env["SLURM_JOB_ID"]


def _give_up(view: LaunchView, settings: SlurmSettings) -> None:
    """Write that the time limit came too often, as the end of the launch."""
    done = read_done(view.paths.done)
    if done is None:
        return
    failed = RunOutcome(
        outcome="failed",
        title="Time limit",
        message=f"{settings.time} min were not enough, even after {settings.max_requeues} "
        "requeues.",
        hint="Give the jobs more time, or raise max_requeues; `run start` resumes from what is "
        "saved.",
    )
    left = {name for name, end in done.runs.items() if end.outcome == "cancelled"}
    runs = {
        name: failed if name in left - view.stopped_runs else end for name, end in done.runs.items()
    }
    changes = {**failed.model_dump(), "runs": runs}
    write_record(view.paths.done, done.model_copy(update=changes))
