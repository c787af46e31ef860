"""End when the terminal is gone, also where nobody is told.

Promises: costs nothing until then. The system sends SIGHUP to who is controlled by a terminal;
screens without one (started by another program on a terminal of its own) would outlive it and read
its end again and again, which takes half a core.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from threading import Thread


def end_with_the_terminal() -> None:
    """Treat the terminal's end as SIGHUP, which ends this process unless somebody handles it."""
    terminal = sys.__stdin__
    if terminal is not None and terminal.isatty():
        Thread(target=_wait, args=(terminal.fileno(),), daemon=True, name="hangup").start()


def _wait(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # its end is reported always, and nothing else wakes us
    poll.poll()
    os.kill(os.getpid(), signal.SIGHUP)
