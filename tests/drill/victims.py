"""Whom the drill kills, and what it was doing: stopped first, looked at, then killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from wgen_tui.paths import Home
from wgen_tui.protocol.launches import WORKING_STATES
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import locked
from wgen_tui.services.supervisor import lifecycle

RENAMED = ("checkpoints/.step-*.tmp", "resume/.step-*.tmp")
PARTS = ("samples", "prompts", "grades", "readouts", "held_out", "tokens")


def processes(home: Home) -> list[psutil.Process]:
    """Every process that serves a home: supervisor and workers."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(home.root) in words:
            found.append(process)
    return found


def worker_processes(home: Home) -> list[psutil.Process]:
    """The workers that are at work, the oldest first."""
    found = [item for item in processes(home) if "--launch" in (item.info["cmdline"] or [])]
    return sorted(found, key=lambda item: item.pid)


def writing_checkpoint(home: Home) -> bool:
    """Whether a checkpoint or a state is being written; what an earlier kill left is older."""
    found = (path for name in RENAMED for path in home.runs.glob(f"*/{name}"))
    return any(time.time() - path.stat().st_mtime < 0.5 for path in found)


def writing_part(home: Home) -> bool:
    """Whether a part is being written: by a process that is there."""
    found = (path for name in PARTS for path in home.runs.glob(f"*/{name}/.part-*.tmp"))
    return any(psutil.pid_exists(int(path.name.split(".")[-2])) for path in found)


def ingesting(home: Home) -> bool:
    return locked(home.ingest_lock)


def committing(home: Home) -> bool:
    """Whether somebody writes launches, or begins an attempt."""
    return locked(home.marker)


def between(home: Home) -> bool:
    """Whether a launch is queued and none is at work."""
    views = Launches(home).refresh().values()
    states = {view.state for view in views}
    return "queued" in states and not states & WORKING_STATES


AIMS: dict[str, tuple[Callable[[Home], bool], ...]] = {
    "worker": (writing_checkpoint, writing_part),
    "supervisor": (ingesting, committing, between),
    "client": (committing,),
}


def wait_for(aim: Callable[[Home], bool], home: Home, seconds: float) -> None:
    """Wait for a moment that is short; or for the deadline."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not aim(home):
        time.sleep(0.002)


def stage(home: Home) -> str:
    """What the workers of a home are doing."""
    for view in Launches(home).refresh().values():
        if view.state in WORKING_STATES:
            if writing_checkpoint(home):
                return "writing a checkpoint"
            if writing_part(home):
                return f"writing a part ({view.spec.stage})"
            if view.state == "starting":
                return f"{view.spec.stage}: starting"
            done = all(view.outcome(run) is not None for run in view.spec.run_ids)
            return f"{view.spec.stage}: ending" if done else view.spec.stage
    return "between launches"


def kill(home: Home, victims: list[psutil.Process], what: str) -> str | None:
    """Stop, look, kill; the stage that was hit, or None when all had ended."""
    stopped = []
    for process in victims:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGSTOP)
            stopped.append(process)
    if not stopped:
        return None
    hit = stage(home)
    if what == "supervisor":
        if ingesting(home):
            hit = "ingesting"
        elif committing(home):
            hit = "beginning an attempt"
    if what == "client" and committing(home):
        hit = "committing"
    for process in stopped:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    return hit


def supervisor_process(home: Home) -> list[psutil.Process]:
    pid = lifecycle.supervisor_pid(home)
    with suppress(psutil.NoSuchProcess):
        return [psutil.Process(pid)] if pid is not None else []
    return []


def attempts(home: Home) -> Iterator[str]:
    """Why launches were begun again, one for each time."""
    for path in home.launches.glob("*/queue.json"):
        for attempt in json.loads(path.read_bytes())["history"]:
            yield attempt["state"]


def leftovers(home: Home) -> list[str]:
    """Temporary files that a kill left; they count for nothing."""
    found = [*home.root.rglob("*.tmp"), *home.root.rglob(".new-*")]
    return sorted(str(path.relative_to(home.root)) for path in found)


def unlocked(path: Path, seconds: float) -> bool:
    """Wait until nobody holds a file's lock."""
    until = time.monotonic() + seconds
    while locked(path):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def left_after(home: Home, seconds: float) -> list[list[str]]:
    """The command lines of a home's processes that are there still after a while."""
    until = time.monotonic() + seconds
    while (left := processes(home)) and time.monotonic() < until:
        time.sleep(0.05)
    return [process.info["cmdline"] for process in left]


def session_of(pid: int) -> list[psutil.Process]:
    """All processes of a session."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError):
            if os.getsid(process.pid) == pid:
                found.append(process)
    return found
