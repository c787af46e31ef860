"""Launches given to Slurm: submitted as arrays through submitit, followed by squeue, cancelled.

Promises: what is to be submitted is written down first and under a name unlike any other, and the
job is held until all that its tasks need is in place; so a supervisor that dies at any moment
submits nothing twice, and leaves no task that starts without its launch. Nothing is asked of an
accounting database.
"""

from __future__ import annotations

import logging
import secrets
import shlex
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from wgen_tui.errors import BusyError, WgenError
from wgen_tui.paths import Home
from wgen_tui.protocol.queue import SlurmRecord, SlurmSettings, read_slurm
from wgen_tui.protocol.record import now, write_record
from wgen_tui.run_files.tail import tail_lines
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.slurm import commands
from wgen_tui.services.slurm.job_state import GONE, REFUSED, is_live, phase
from wgen_tui.services.slurm.options import sbatch_options
from wgen_tui.services.supervisor.slurm_job import run_launch

if TYPE_CHECKING:
    from submitit import SlurmExecutor

MOST_TASKS = 500  # of one array; Slurm's own default limit is 1001

log = logging.getLogger("supervisor")


@dataclass(slots=True)
class _Job:
    """A launch that is given to Slurm: what is asked for it, and the record of its job."""

    view: LaunchView
    settings: SlurmSettings
    record: SlurmRecord

    def update(self, **changes: Any) -> None:
        """Write down what has changed."""
        self.record = self.record.model_copy(update={**changes, "at": now()})
        write_record(self.view.paths.slurm, self.record)
        state, reason = self.record.state, self.record.reason
        log.info("%s: Slurm: %s %s", self.view.launch_id, state, reason)


def submit(home: Home, views: Iterable[LaunchView]) -> None:
    """Give launches to Slurm: one array for those of an experiment and stage that ask the same.

    Raises:
        BusyError: Slurm does not answer; `poll` does the rest.
    """
    for settings, array in _arrays(views):
        spec = array[0].spec
        name = f"wgen-{spec.experiment}-{spec.stage}-{secrets.token_hex(5)}"
        jobs = []
        for place, view in enumerate(array):
            record = SlurmRecord(job_name=name, task=place, tasks=len(array), at=now())
            write_record(view.paths.slurm, record)
            jobs.append(_Job(view, settings, record))
        _sbatch(home, name, jobs)


def poll(home: Home, views: Iterable[LaunchView]) -> None:
    """Ask Slurm about the jobs of launches, and note what has changed.

    What a dead supervisor has left half submitted is recognised by its name and completed.

    Raises:
        BusyError: Slurm does not answer; nothing has changed.
    """
    jobs = [
        _Job(view, view.spec.slurm, record)
        for view in views
        if view.spec.slurm is not None and (record := read_slurm(view.paths.slurm)) is not None
    ]
    records = [job.record for job in jobs]  # before what this round changes
    live = [job for job in jobs if is_live(job.record)]
    if not live:
        return
    listed = commands.tasks()
    incomplete: dict[str, list[_Job]] = defaultdict(list)
    for job in live:
        if job.record.job_id is None:
            incomplete[job.record.job_name].append(job)
        else:
            _note(home, job, listed)
    for name, group in incomplete.items():
        _complete(home, name, group, listed)
    _end_strays(records, listed)


def cancel(view: LaunchView, *, kill: bool = False) -> bool:
    """End a launch's job: one that waits at once, one that works by SIGTERM, so that it saves.

    Args:
        view: The launch.
        kill: It has had its time: Slurm's own way, which ends in SIGKILL.

    Returns:
        Whether Slurm was asked.
    """
    record = read_slurm(view.paths.slurm)
    return record is not None and commands.end(record, kill=kill)


def job_of(view: LaunchView) -> SlurmRecord | None:
    """The last record of a launch's job, also of a launch that has ended."""
    return read_slurm(view.paths.slurm)


def forget(view: LaunchView, attempt: int) -> None:
    """Let a launch whose job has ended in this attempt be given to Slurm again."""
    with suppress(FileNotFoundError):
        view.paths.slurm.rename(view.paths.slurm_before(attempt))


def _arrays(views: Iterable[LaunchView]) -> list[tuple[SlurmSettings, list[LaunchView]]]:
    groups: dict[tuple[str, ...], list[LaunchView]] = defaultdict(list)
    asked: dict[tuple[str, ...], SlurmSettings] = {}
    for view in views:
        if (settings := view.spec.slurm) is not None:
            key = view.spec.experiment, view.spec.stage, settings.model_dump_json()
            asked[key] = settings
            groups[key].append(view)
    return [
        (asked[key], group[start : start + MOST_TASKS])
        for key, group in groups.items()
        for start in range(0, len(group), MOST_TASKS)
    ]


def _executor(home: Home, name: str, settings: SlurmSettings) -> SlurmExecutor:
    from submitit import SlurmExecutor  # noqa: PLC0415  an extra, and slow to import

    home.slurm_jobs.mkdir(mode=0o700, exist_ok=True)
    # -P: a folder called store/ where a job happens to start is not to be imported.
    python = f"{shlex.quote(sys.executable)} -P"
    executor = SlurmExecutor(home.slurm_jobs / name, settings.max_requeues, python=python)
    more = {} if settings.nice is None else {"nice": settings.nice}
    executor.update_parameters(
        job_name=name,
        **sbatch_options(settings),
        array_parallelism=settings.array_parallelism,
        signal_delay_s=settings.signal_seconds,
        setup=list(settings.setup),
        # Since Slurm 22.05 a step does not inherit it.
        srun_args=[f"--cpus-per-task={settings.cpus_per_task}"],
        additional_parameters={"hold": True, "requeue": True, **more},
    )
    return executor


def _calls(home: Home, group: Sequence[_Job]) -> list[Callable[[], None]]:
    return [partial(run_launch, str(home.root), job.view.launch_id) for job in group]


def _sbatch(home: Home, name: str, group: Sequence[_Job]) -> None:
    """Submit an array that is written down, and release it."""
    from submitit.core.utils import FailedJobError  # noqa: PLC0415  an extra, and slow to import

    try:
        executor = _executor(home, name, group[0].settings)
        submitted = executor.submit_array(_calls(home, group))
    except FailedJobError as error:
        problem = commands.refused(str(error))
        if isinstance(problem, BusyError):
            raise problem from error
        for job in group:
            job.update(state=REFUSED, reason=problem.message)
        return
    _release(group, submitted[0].job_id.partition("_")[0])


def _release(group: Sequence[_Job], job_id: str) -> None:
    commands.run(["scontrol", "release", job_id])
    for job in group:
        job.update(job_id=job_id, state="PENDING")
    log.info("Slurm job %s: %s", job_id, ", ".join(job.view.launch_id for job in group))


def _complete(
    home: Home, name: str, group: Sequence[_Job], listed: Sequence[commands.Task]
) -> None:
    """Complete an array that a supervisor died over, or that Slurm did not answer for."""
    group = sorted(group, key=lambda job: job.record.task)
    ids = {task.task_id.partition("_")[0] for task in listed if task.job_name == name}
    if ids:
        job_id = min(ids, key=int)
        _put_in_place(home, name, group, job_id)
        _release(group, job_id)
    elif len(group) == group[0].record.tasks:
        _sbatch(home, name, group)
    else:
        for job in group:  # it died while it wrote these, so nothing was submitted
            job.view.paths.slurm.unlink(missing_ok=True)


def _put_in_place(home: Home, name: str, group: Sequence[_Job], job_id: str) -> None:
    """What submitit does after sbatch has answered: give each task its call, under its id."""
    from submitit.core.utils import DelayedSubmission, JobPaths  # noqa: PLC0415  an extra

    for job, call in zip(group, _calls(home, group), strict=True):
        task_id = job.record.model_copy(update={"job_id": job_id}).task_id
        place = JobPaths(home.slurm_jobs / name, job_id=task_id).submitted_pickle
        if not place.exists():
            DelayedSubmission(call).dump(place)


def _note(home: Home, job: _Job, listed: Sequence[commands.Task]) -> None:
    """Write down what Slurm says of a job, if that is new."""
    record, view = job.record, job.view
    task = next((task for task in listed if task.task_id == record.task_id), None)
    if task is None:
        # A task that is cancelled before it began is not listed any more, not even as cancelled.
        started = view.start is not None or view.done is not None or phase(record) == "works"
        changes: dict[str, Any] = {"state": GONE if started else "CANCELLED", "reason": ""}
    else:
        changes = {"state": task.state, "node": task.node or record.node}
        changes |= {"reason": task.reason, "requeues": task.requeues}
    if not is_live(record.model_copy(update=changes)):
        changes["reason"] = last_words(home, record)
    if record.model_copy(update=changes) != record:
        job.update(**changes)


def last_words(home: Home, record: SlurmRecord) -> str:
    """The last line that a job itself printed: perhaps why its worker was never started."""
    path = home.slurm_jobs / record.job_name / f"{record.task_id}_0_log.err"
    ours = (line.strip() for line in reversed(tail_lines(path, 40)))
    slurms = ("srun:", "slurmstepd", "submitit INFO", "submitit WARNING")
    return next((line for line in ours if line and not line.startswith(slurms)), "")


def _end_strays(records: Sequence[SlurmRecord], listed: Sequence[commands.Task]) -> None:
    """Cancel what a dead supervisor's sbatch has submitted after its successor did the same."""
    ours = {record.job_name: record.job_id for record in records if record.job_id}
    strays = {
        task.task_id.partition("_")[0]
        for task in listed
        if task.job_name in ours and task.task_id.partition("_")[0] != ours[task.job_name]
    }
    for job_id in sorted(strays):
        log.warning("Slurm job %s was submitted twice; it is cancelled", job_id)
        with suppress(WgenError):
            commands.run(["scancel", "--quiet", job_id], within=5.0)
