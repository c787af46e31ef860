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
from functools import partial
from typing import TYPE_CHECKING, Any

from wgen_tui.errors import BusyError, WgenError
from wgen_tui.paths import Home
from wgen_tui.protocol.queue import SlurmRecord, SlurmSettings, read_slurm
from wgen_tui.protocol.record import now, write_record
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.tail import tail_lines
from wgen_tui.services.slurm import commands
from wgen_tui.services.slurm.job_state import GONE, REFUSED, is_live, phase
from wgen_tui.services.slurm.options import sbatch_options
from wgen_tui.services.supervisor.slurm_job import run_launch

if TYPE_CHECKING:
    from submitit import SlurmExecutor

MOST_TASKS = 500  # of one array; Slurm's own default limit is 1001

log = logging.getLogger("supervisor")


def submit(home: Home, views: Iterable[LaunchView]) -> None:
    """Give launches to Slurm; those of one stage and experiment that ask the same as one array.

    Raises:
        BusyError: Slurm does not answer; `poll` does the rest.
    """
    for array in _arrays(views):
        spec = array[0].spec
        name = f"wgen-{spec.experiment}-{spec.stage}-{secrets.token_hex(5)}"
        for place, view in enumerate(array):
            record = SlurmRecord(job_name=name, task=place, tasks=len(array), at=now())
            write_record(view.paths.slurm, record)
        _sbatch(home, name, array)


def poll(home: Home, views: Iterable[LaunchView]) -> None:
    """Ask Slurm about the jobs of launches, and note what has changed.

    What a supervisor that died has left half submitted is found by its name and completed.

    Raises:
        BusyError: Slurm does not answer; nothing has changed.
    """
    given = [(view, record) for view in views if (record := read_slurm(view.paths.slurm))]
    alive = [(view, record) for view, record in given if is_live(record)]
    if not alive:
        return
    listed = commands.tasks()
    begun: dict[str, list[LaunchView]] = defaultdict(list)
    for view, record in alive:
        if record.job_id is None:
            begun[record.job_name].append(view)
        else:
            _note(home, view, record, listed)
    for name, group in begun.items():
        _complete(home, name, group, listed)
    _end_strays([record for _, record in given], listed)


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
    """A launch's job as it was noted last, also of a launch that has ended."""
    return read_slurm(view.paths.slurm)


def forget(view: LaunchView, attempt: int) -> None:
    """Make a launch whose job has ended, in that attempt, one that can be given to Slurm again."""
    with suppress(FileNotFoundError):
        view.paths.slurm.rename(view.paths.slurm_before(attempt))


def _arrays(views: Iterable[LaunchView]) -> list[list[LaunchView]]:
    alike: dict[tuple[str, ...], list[LaunchView]] = defaultdict(list)
    for view in views:
        assert view.spec.slurm is not None
        asked = view.spec.slurm.model_dump_json()
        alike[view.spec.experiment, view.spec.stage, asked].append(view)
    return [
        group[start : start + MOST_TASKS]
        for group in alike.values()
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


def _calls(home: Home, group: Sequence[LaunchView]) -> list[Callable[[], None]]:
    return [partial(run_launch, str(home.root), view.launch_id) for view in group]


def _sbatch(home: Home, name: str, group: Sequence[LaunchView]) -> None:
    """Submit an array that is written down, and let it go."""
    from submitit.core.utils import FailedJobError  # noqa: PLC0415  an extra, and slow to import

    settings = group[0].spec.slurm
    assert settings is not None
    try:
        jobs = _executor(home, name, settings).submit_array(_calls(home, group))
    except FailedJobError as error:
        problem = commands.refused(str(error))
        if isinstance(problem, BusyError):
            raise problem from error
        for view in group:
            _write(view, state=REFUSED, reason=problem.message)
        return
    _release(group, jobs[0].job_id.partition("_")[0])


def _release(group: Sequence[LaunchView], job_id: str) -> None:
    commands.run(["scontrol", "release", job_id])
    for view in group:
        _write(view, job_id=job_id, state="PENDING")
    log.info("Slurm job %s: %s", job_id, ", ".join(view.launch_id for view in group))


def _complete(
    home: Home, name: str, group: Sequence[LaunchView], listed: Sequence[commands.Task]
) -> None:
    """Go on where a supervisor died, or Slurm did not answer, while it submitted an array."""
    group = sorted(group, key=lambda view: _record(view).task)
    ids = {task.task_id.partition("_")[0] for task in listed if task.job_name == name}
    if ids:
        job_id = min(ids, key=int)
        _put_in_place(home, name, group, job_id)
        _release(group, job_id)
    elif len(group) == _record(group[0]).tasks:
        _sbatch(home, name, group)
    else:
        for view in group:  # it died while it wrote these, so nothing was submitted
            view.paths.slurm.unlink(missing_ok=True)


def _put_in_place(home: Home, name: str, group: Sequence[LaunchView], job_id: str) -> None:
    """What submitit does after sbatch has answered: give each task its call, under its id."""
    from submitit.core.utils import DelayedSubmission, JobPaths  # noqa: PLC0415  an extra

    for view, call in zip(group, _calls(home, group), strict=True):
        task_id = _record(view).model_copy(update={"job_id": job_id}).task_id
        place = JobPaths(home.slurm_jobs / name, job_id=task_id).submitted_pickle
        if not place.exists():
            DelayedSubmission(call).dump(place)


def _note(
    home: Home, view: LaunchView, record: SlurmRecord, listed: Sequence[commands.Task]
) -> None:
    """Write down what Slurm says of a job, if that is new."""
    found = next((task for task in listed if task.task_id == record.task_id), None)
    if found is None:
        # A task that is cancelled before it began is not listed any more, not even as cancelled.
        begun = view.start is not None or view.done is not None or phase(record) == "works"
        changes: dict[str, Any] = {"state": GONE if begun else "CANCELLED", "reason": ""}
    else:
        changes = {"state": found.state, "node": found.node or record.node}
        changes |= {"reason": found.reason, "requeues": found.requeues}
    if not is_live(record.model_copy(update=changes)):
        changes["reason"] = last_words(home, record)
    if record.model_copy(update=changes) != record:
        _write(view, **changes)


def last_words(home: Home, record: SlurmRecord) -> str:
    """What the output of a job itself ended with: why its worker was never started, perhaps."""
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


def _record(view: LaunchView) -> SlurmRecord:
    record = read_slurm(view.paths.slurm)
    assert record is not None
    return record


def _write(view: LaunchView, **changes: Any) -> None:
    record = _record(view).model_copy(update={**changes, "at": now()})
    write_record(view.paths.slurm, record)
    log.info("%s: Slurm: %s %s", view.launch_id, record.state, record.reason)
