"""What may change of a launch while it waits or between its attempts, and what Slurm is asked."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from wgen_tui.records import SCHEMA, Record


class SlurmSettings(Record):
    """How launches are given to Slurm; names are sbatch's.

    Attributes:
        time: Minutes; at the limit the worker saves its state and the job is requeued.
        runs_per_launch: How many runs one task of the array serves.
        array_parallelism: Most tasks of an array that run at once.
        signal_seconds: How long before the limit the worker is told to save.
        setup: Shell lines before the worker starts, such as `module load cuda`.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    time: int = Field(default=240, ge=1, description="minutes")
    gres: str | None = None
    constraint: str | None = None
    cpus_per_task: int = Field(default=1, ge=1)
    mem: str | None = None
    nice: int | None = None
    array_parallelism: int = Field(default=256, ge=1)
    runs_per_launch: int = Field(default=8, ge=1)
    signal_seconds: int = Field(default=90, ge=1)
    max_requeues: int = Field(default=20, ge=0)
    setup: tuple[str, ...] = ()


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
        rows: Most draws made together, likewise.
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
