"""The state of queue and machine, as a screen polls it, and whether a supervisor works.

Promises: polling changes nothing and costs only what has changed; no supervisor is started here
unless work waits for one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wgen_tui.paths import Home
from wgen_tui.services.machine import host
from wgen_tui.services.machine.host import Load
from wgen_tui.services.runs import queue
from wgen_tui.services.runs.launch_state import locked
from wgen_tui.services.runs.queue import Pause
from wgen_tui.services.runs.runs import launches_here
from wgen_tui.services.supervisor import lifecycle
from wgen_tui.services.supervisor.dispatcher import Dispatcher

FIRST = 0.2  # seconds over which the load of the CPU is measured at the first poll

Machine = Callable[[Path], Load]


@dataclass(frozen=True, slots=True)
class Status:
    """Queue and machine as they are now.

    Attributes:
        load: The machine's.
        pause: Why nothing is started; None when the queue is not paused.
        orphaned: Whether work could continue and there is no supervisor to do it.
    """

    load: Load
    pause: Pause | None = None
    orphaned: bool = False


class StatusPoller:
    """Polls queue and machine. Not for several threads at once."""

    def __init__(self, home: Home, machine: Machine | None = None) -> None:
        self._home = home
        self._queue = Dispatcher(home)
        self._machine = machine

    def poll(self) -> Status:
        """Queue and machine now."""
        return Status(self._load(), queue.paused(self._home), self.orphaned())

    def orphaned(self) -> bool:
        """Whether work waits for a supervisor, and there is none."""
        if locked(self._home.supervisor_lock):
            return False
        with launches_here(self._home) as launches:  # read once in a process: each is 30 KB
            return self._queue.work_left(launches.refresh())

    def ensure_supervisor(self) -> bool:
        """Start a supervisor if work waits for one; whether it did.

        Raises:
            WgenError: it did not start.
        """
        if not self.orphaned():
            return False
        lifecycle.ensure_supervisor(self._home)
        return True

    def _load(self) -> Load:
        if self._machine is None:
            host.load(self._home.root)
            time.sleep(FIRST)
            self._machine = host.load
        return self._machine(self._home.root)
