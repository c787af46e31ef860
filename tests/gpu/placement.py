"""Launches are placed by the free memory that NVML tells of, and wait for a GPU that is full.

Another process fills the GPU; two launches are queued and must wait, and say for what; the memory
comes free, and both must be given that GPU at once, each with a promise of its own, and finish. The
supervisor is the real one, a process of its own; on a CPU its NVML is a fake.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tests.builders.training_home import TrainingHome
from tests.gpu.boxes import FakeBox, RealBox, box
from tests.gpu.homes import new_home
from tests.gpu.session import Session
from wgen_tui.protocol.launches import DoneRecord, StartRecord, read_done, read_start
from wgen_tui.services.machine.gpus import probe
from wgen_tui.services.runs import process
from wgen_tui.services.runs.runs import get_run
from wgen_tui.services.supervisor import lifecycle

PART = "placement"
SECONDS = 30.0  # for each thing that is waited for; a start takes ten
# This process itself computes on the GPU: with others in general it is to be shared.
CONFIG = "[gpu]\nshare_with_others = true\n"
Found = TypeVar("Found")


def wait_for(what: Callable[[], Found | None]) -> Found | None:
    """What there is at last; None when it does not come."""
    end = time.monotonic() + SECONDS
    while not (found := what()):
        if time.monotonic() > end:
            return None
        time.sleep(0.1)
    return found


def queue(session: Session) -> tuple[TrainingHome, list[str]]:
    """Two launches, of a run each."""
    field = new_home(session, PART)
    field.home.config.write_text(CONFIG)
    launches = []
    for seed in range(2):
        field.add(f"r{seed}", seed=seed, max_steps=3)
        launches.append(field.launch(f"r{seed}").spec.launch_id)
    return field, launches


def waiting(session: Session, field: TrainingHome, launches: list[str]) -> None:
    """Nobody starts on a full GPU, and both say why."""
    home = field.home

    def reasons() -> list[str] | None:
        found = [get_run(home, run_id).why for run_id in field.runs]
        return found if found[0].startswith("waits for GPU") else None

    why = wait_for(reasons) or [get_run(home, run_id).why for run_id in field.runs]
    early = [name for name in launches if read_start(home.launch(name).started)]
    session.report.check(
        PART,
        "a GPU that another process fills is waited for",
        ok=not early
        and why[0].startswith("waits for GPU")
        and "needs" in why[0]
        and why[1] == f"waits for its turn; first: {launches[0]}",
        value=why[0],
        note=f"started all the same: {', '.join(early)}" if early else why[1],
    )


def started(field: TrainingHome, launches: list[str]) -> list[StartRecord] | None:
    """What the launches were given, once both have their process."""
    records = [read_start(field.home.launch(name).started) for name in launches]
    found = [record for record in records if record is not None and record.pid]
    return found if len(found) == len(launches) else None


def ended(field: TrainingHome, launches: list[str]) -> list[DoneRecord] | None:
    """How the launches ended, once both have."""
    ends = [read_done(field.home.launch(name).done) for name in launches]
    found = [end for end in ends if end is not None]
    return found if len(found) == len(launches) else None


def placed(session: Session, field: TrainingHome, launches: list[str], uuid: str) -> None:
    """Both start where there is room now, see that GPU alone, and finish."""
    records = wait_for(lambda: started(field, launches))
    if records is None:
        why = "; ".join(get_run(field.home, run_id).why for run_id in field.runs)
        session.report.check(PART, "it is used once it is free", ok=False, note=why)
        return
    promised = [record.memory_mb or 0 for record in records]
    alone = [sees_only(record, uuid) for record in records]
    ends = wait_for(lambda: ended(field, launches)) or []
    together = bool(ends) and max(r.at for r in records) < min(e.ended_at for e in ends)
    session.report.check(
        PART,
        "two launches are on it together once it is free",
        ok=all(record.gpus == (uuid,) for record in records) and all(alone) and together,
        value=" + ".join(f"{size} MB" for size in promised) + " promised",
        beside=f"{', '.join(end.outcome for end in ends) or 'not finished'}",
        note="" if together else "not at the same time",
    )
    took = [f"{end.peak_memory_mb or 0:.0f} MB" for end in ends]
    session.report.check(
        PART,
        "each was promised something, and finished",
        ok=all(promised) and [end.outcome for end in ends] == ["finished"] * 2,
        value=f"took {' and '.join(took)}" if took else "",
        note="; ".join(end.message for end in ends if end.message),
    )


def sees_only(record: StartRecord, uuid: str) -> bool:
    """Whether a worker was started with this GPU and no other, and is there."""
    with suppress(OSError):
        environment = Path(f"/proc/{record.pid}/environ").read_bytes().split(b"\0")
        return f"CUDA_VISIBLE_DEVICES={uuid}".encode() in environment
    return False


def uuid_of(gpu: RealBox | FakeBox) -> str | None:
    """The GPU by its name in NVML; None when NVML does not see it."""
    if isinstance(gpu, FakeBox):
        return gpu.uuid
    return next((one.uuid for one in probe()), None)


def run(session: Session) -> None:
    """Fill, queue, wait, release, and follow both to their ends."""
    field, launches = queue(session)
    with box(session) as gpu:
        if (uuid := uuid_of(gpu)) is None:
            session.report.check(PART, "NVML sees the GPU", ok=False, note="it tells of none")
            return
        try:
            gpu.fill()
            lifecycle.ensure_supervisor(field.home)
            waiting(session, field, launches)
            gpu.release()
            placed(session, field, launches, uuid)
        finally:
            if pid := lifecycle.supervisor_pid(field.home):
                os.kill(pid, signal.SIGTERM)
            for name in launches:
                process.terminate(field.home, name, kill=True)
