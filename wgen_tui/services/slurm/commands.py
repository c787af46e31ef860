"""Slurm's own programs: what we ask of them, and what they answer.

Promises: argument lists, never a shell; every call ends in time; a controller that does not answer
is told apart from one that refuses.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from wgen_tui.errors import BusyError, UsageError, WgenError
from wgen_tui.protocol.queue import SlurmRecord
from wgen_tui.services.slurm.job_state import is_live, phase

PROGRAMS = ("sbatch", "squeue", "scancel", "scontrol", "srun")
WITHIN = 20.0  # seconds; a controller that is away is asked again later
FIELDS = ("JobArrayID", "State", "NodeList", "Reason", "RestartCnt", "Name")
# What passes by itself: the controller is away or busy, or a limit of jobs is reached for now.
PASSES = re.compile(
    r"unable to contact|connection (refused|timed out|reset)|socket timed out|temporar|try again"
    r"|MaxSubmit|MaxJobCount|job.?limit|slurm_load|communications|not respond|protocol auth",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Task:
    """A job, or one task of an array, as squeue lists it."""

    task_id: str
    state: str
    node: str
    reason: str
    requeues: int
    job_name: str


def missing() -> str | None:
    """The first of Slurm's programs that is not on the PATH; None when all are."""
    return next((name for name in PROGRAMS if shutil.which(name) is None), None)


def run(command: Sequence[str], within: float = WITHIN) -> str:
    """What a program of Slurm's prints.

    Raises:
        BusyError: Slurm does not answer; later it may.
        WgenError: it refuses.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
    except subprocess.TimeoutExpired:
        problem = f"{command[0]} has not answered within {within:g} s."
        raise BusyError(problem, title="Slurm does not answer") from None
    except OSError as error:
        problem = f"{command[0]}: {error.strerror or error}."
        raise UsageError(problem, title="No Slurm", hint=NO_SLURM) from error
    if done.returncode:
        raise refused(done.stderr)
    return done.stdout


NO_SLURM = "Start it on a machine that can submit to Slurm, or leave out --backend slurm."


def refused(said: str) -> WgenError:
    """The error for what a program wrote before it failed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    # "allocation failure: …" and "Batch job submission failed: …" say it best, and come last.
    text = " ".join(lines[-1:]).removeprefix("sbatch: error: ").removeprefix("sbatch: fatal: ")
    text = text.rstrip(".") or "no reason given"
    if PASSES.search(said):
        return BusyError(f"{text}.", title="Slurm does not answer")
    return WgenError(f"{text}.", title="Slurm refuses")


def tasks() -> list[Task]:
    """Our own jobs, those included that ended a short while ago.

    Raises:
        BusyError: Slurm does not answer.
    """
    layout = ",".join(f"{name}:|" for name in FIELDS)
    who = ["--user", str(os.getuid())]
    out = run(["squeue", "--noheader", "--array", "--states=all", *who, "--Format", layout])
    return [task for line in out.splitlines() if (task := _task(line)) is not None]


def _task(line: str) -> Task | None:
    parts = [part.strip() for part in line.split("|")]
    if len(parts) <= len(FIELDS):
        return None
    task_id, state, node, reason, requeues, name = parts[: len(FIELDS)]
    count = int(requeues) if requeues.isdecimal() else 0
    return Task(task_id, state, node, reason, count, name)


def facts(task_id: str) -> dict[str, str]:
    """What `scontrol show job` says of one job.

    Raises:
        BusyError: Slurm does not answer.
        WgenError: it knows no such job.
    """
    out = run(["scontrol", "--oneliner", "show", "job", task_id])
    pairs = (word.partition("=") for word in out.split())
    return {name: value for name, mark, value in pairs if mark}


def end(record: SlurmRecord, *, kill: bool = False) -> bool:
    """End a job: one that waits at once, one that works by SIGTERM or, with `kill`, for good.

    Returns:
        Whether Slurm was asked; what it answers does not matter, since a task that has just ended,
        or is about to, is no error.
    """
    if record.task_id is None or not is_live(record):
        return False
    # No filter such as --state: with one, scancel takes all waiting tasks of the array.
    saves = ["--signal=TERM"] if phase(record) == "works" and not kill else []
    with suppress(WgenError):
        run(["scancel", "--quiet", *saves, record.task_id], within=5.0)
    return True
