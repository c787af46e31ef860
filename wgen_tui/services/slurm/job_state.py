"""What Slurm's job states mean for a launch: a function of its files, without asking Slurm.

Promises: a launch that was given to Slurm lives for as long as slurm.json says that its job does,
on whatever node, whether or not a lock that is held there can be seen here.
"""

from __future__ import annotations

from typing import Literal

from wgen_tui.protocol.launches import RunState
from wgen_tui.protocol.queue import SlurmRecord

SUBMITTING, REFUSED, GONE = "SUBMITTING", "REFUSED", "GONE"  # ours, beside Slurm's own
CANCELLED = frozenset({"CANCELLED", "REVOKED"})
# It waits, for the first time or again. Slurm's other words for that are flags on PENDING.
WAITS = frozenset(
    {SUBMITTING, "PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD"}
    | {"SPECIAL_EXIT"}
)
WORKS = frozenset(
    {"CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT"}
    | {"RESIZING", "POWER_UP_NODE"}
)
DESCRIPTIONS = {
    "BOOT_FAIL": "the node did not boot",
    "CANCELLED": "the job was cancelled",
    "COMPLETED": "the job ended, and its worker wrote no result",
    "DEADLINE": "the job reached its deadline",
    "FAILED": "the job failed",
    "NODE_FAIL": "the node failed",
    "OUT_OF_MEMORY": "the job ran out of memory; ask for more with mem",
    "PREEMPTED": "the job was preempted",
    "REVOKED": "the job was revoked",
    "TIMEOUT": "the time limit came before the state was saved; raise signal_seconds or time",
    GONE: "Slurm no longer knows the job",
    REFUSED: "sbatch refused the job",
}
Phase = Literal["waits", "works", "cancelled", "refused", "ended"]


def phase(record: SlurmRecord) -> Phase:
    """Whether a job waits or works, or in which of three ways it ended."""
    if record.state in WAITS:
        return "waits"
    if record.state in WORKS:
        return "works"
    if record.state in CANCELLED:
        return "cancelled"
    return "refused" if record.state == REFUSED else "ended"


def is_live(record: SlurmRecord | None) -> bool:
    """Whether a job may still do something for its launch."""
    return record is not None and phase(record) in ("waits", "works")


def state_in_slurm(
    state: RunState, record: SlurmRecord, started: bool, again: bool
) -> tuple[RunState, bool]:
    """The state of a launch that has not ended for good, and whether it may be tried again.

    Args:
        state: What the files say on their own, locks included.
        record: Its job.
        started: Whether a worker was started and has not said how it ended.
        again: Whether nobody asked for that end.
    """
    job = phase(record)
    if job == "works" and started:
        return "running", True
    if job in ("waits", "works"):
        waits: RunState = "starting" if job == "works" and state == "queued" else "queued"
        return (state if state == "cancelled" and not again else waits), True
    if state == "running":
        return state, True  # its last words are being written
    if job in ("refused", "cancelled"):
        return ("failed" if job == "refused" else "cancelled"), False
    return ("lost" if state == "queued" else state), True


def describe(record: SlurmRecord) -> str:
    """What to say of a job, such as `Slurm: pending (Resources)`."""
    if record.state == SUBMITTING:
        return "Slurm: is being submitted"
    state = DESCRIPTIONS.get(record.state, record.state.lower())
    if is_live(record):
        reason = "" if record.reason in ("", "None") else f" ({record.reason})"
        requeued = f", requeued {_times(record.requeues)}" if record.requeues else ""
        place = f" on {record.node}" if record.node and phase(record) == "works" else ""
        return f"Slurm: {state}{place}{reason}{requeued}"
    name = f" {record.task_id}" if record.task_id else ""
    return f"Slurm{name}: {state}" + (f": {record.reason}" if record.reason else "")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
