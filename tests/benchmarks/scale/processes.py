"""Run a piece of work in a process of its own: how long it took, and its peak of unique memory.

Unique memory (USS) is what would be free again if the process ended: pages that others share, such
as libraries and files, do not count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

PROGRAM = Path(sys.executable).with_name("wgen-tui")
POLL = 0.03


class Memory:
    """Watches a process and its children while it is entered.

    Attributes:
        peak_mb: The most unique memory that they had at once.
    """

    def __init__(self, pid: int) -> None:
        self.peak_mb = 0.0
        self._process = psutil.Process(pid)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.is_set():
            with suppress(psutil.Error, ValueError):
                family = [self._process, *self._process.children(recursive=True)]
                total = 0
                for one in family:
                    with suppress(psutil.Error):
                        total += one.memory_full_info().uss
                self.peak_mb = max(self.peak_mb, total / 1e6)
            self._end.wait(POLL)


@dataclass(frozen=True)
class Done:
    """How a process ended.

    Attributes:
        seconds: From its start to its end.
        cpu: Seconds of processors, its children's included.
        peak_mb: Of unique memory.
        told: What it printed as its last line, where that is JSON.
    """

    seconds: float
    cpu: float
    peak_mb: float
    output: str
    told: dict[str, Any] = field(default_factory=dict)


def as_installed() -> dict[str, str]:
    """Our environment, in which what Python compiled at a first start is kept, as for a person.

    What the packages that are installed have is always kept; where this is set, ours alone would be
    compiled at every start.
    """
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def run(command: Sequence[object], *, watch: bool = True) -> Done:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed.
    """
    before = os.times()
    began = time.monotonic()
    process = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=as_installed(),
    )
    peak = 0.0
    if watch:
        with Memory(process.pid) as memory:
            output, errors = process.communicate()
        peak = memory.peak_mb
    else:
        output, errors = process.communicate()
    seconds = time.monotonic() - began
    after = os.times()
    if process.returncode:
        raise RuntimeError(
            f"{command}: exit {process.returncode}\n{output[-2000:]}{errors[-4000:]}"
        )
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    last = output.strip().rpartition("\n")[2]
    told = json.loads(last) if last.startswith("{") and last.endswith("}") else {}
    return Done(seconds, cpu, peak, output, told)


def task(name: str, *args: object, watch: bool = True) -> Done:
    """Run one of `tasks.TASKS` in a process of its own."""
    return run([sys.executable, "-m", "tests.benchmarks.scale.tasks", name, *args], watch=watch)


def product(home: Path, *args: object, watch: bool = True) -> Done:
    """Run `wgen-tui` in a home."""
    return run([PROGRAM, "--home", home, *args], watch=watch)


@contextmanager
def background(name: str, *args: object) -> Iterator[None]:
    """Have a task at work from its first line of output until the block is left."""
    command = [sys.executable, "-m", "tests.benchmarks.scale.tasks", name, *map(str, args)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.kill()
        process.communicate()
