"""What may change of a launch while it waits or between its attempts, and what Slurm is asked."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import Field

from experiments.schema import SlurmOptions
from wgen_tui.protocol.record import SCHEMA, Record, Unreadable, read_record


class SlurmSettings(SlurmOptions):
    """How launches are given to Slurm: `[slurm]` of config.toml, and what a definition overrides.

    Attributes:
        setup: Shell lines before the worker starts, such as `module load cuda`; the user's own
            file alone may have them.
    """

    setup: tuple[str, ...] = ()


class SlurmRecord(Record):
    """launches/<id>/slurm.json: the job that does a launch, and what Slurm said of it last.

    It is there from just before the job is given to Slurm until the launch is made ready to start
    again. Only the supervisor writes it.

    Attributes:
        job_name: Unlike any other; how a job is found that was submitted in the instant in which
            the supervisor died.
        task: Its place in the array.
        tasks: How many the array has; 1 is a job of its own.
        job_id: Slurm's number; None until sbatch has answered.
        state: In Slurm's words, or SUBMITTING, REFUSED (by sbatch), GONE (Slurm has forgotten it).
        node: Where it runs, or ran last.
        reason: Slurm's reason, or what the job's own output ended with.
        requeues: How often it was requeued.
        at: When Slurm first said this; a repetition is not written again.
    """

    schema_version: int = SCHEMA
    job_name: str
    task: int
    tasks: int
    job_id: str | None = None
    state: str = "SUBMITTING"
    node: str = ""
    reason: str = ""
    requeues: int = 0
    at: datetime

    @property
    def task_id(self) -> str | None:
        """The task as squeue and scancel name it."""
        if self.job_id is None or self.tasks == 1:
            return self.job_id
        return f"{self.job_id}_{self.task}"


class Notice(Record):
    """A command that is run when none of these runs is live any more.

    Attributes:
        command: An argument list; it never goes through a shell.
    """

    command: tuple[str, ...]
    runs: tuple[str, ...]


class Attempt(Record):
    """One attempt at a launch that ended otherwise than well, and why there is another."""

    number: int
    state: str
    reason: str
    at: datetime


class QueueRecord(Record):
    """launches/<id>/queue.json: what may change of a launch; without the file, the defaults.

    Attributes:
        priority: Higher starts first; equal ones in the order of their ids.
        attempt: The present one; what an earlier one left (started.json, the lock) says nothing.
        failures: Attempts in a row that ended without getting further than those before.
        stack: Most adapters trained together, after memory did not suffice.
        rows: Most draws made together, after memory did not suffice.
        done: How far the attempts before had come, by run.
        history: The attempts that ended, oldest first.
    """

    schema_version: int = SCHEMA
    priority: int = 0
    attempt: int = 1
    failures: int = 0
    stack: int | None = None
    rows: int | None = None
    done: dict[str, int] = Field(default={})
    history: tuple[Attempt, ...] = ()


def read_queue(path: Path) -> QueueRecord:
    """A launch's queue.json; the defaults without one, or with one that cannot be read."""
    try:
        return read_record(path, QueueRecord) or QueueRecord()
    except Unreadable:  # `doctor` names it
        return QueueRecord()


def read_slurm(path: Path) -> SlurmRecord | None:
    """A launch's slurm.json; None when it has been given to no job."""
    try:
        return read_record(path, SlurmRecord)
    except Unreadable:  # `doctor` names it
        return None
