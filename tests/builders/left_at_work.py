"""Supervisors and workers that a test leaves: they outlive whoever started them, as they are to.

Promises: only programs of ours that name a folder of the tests in their command line are ended.
"""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from pathlib import Path


def left_at_work(folder: Path) -> dict[int, str]:
    """The processes of ours that work on something inside a folder, by their command lines."""
    inside, found = f"{folder}/".encode(), {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with suppress(OSError):  # it has ended meanwhile
            line = (entry / "cmdline").read_bytes()
            if inside in line and b"\0wgen_tui." in line:
                found[int(entry.name)] = line.replace(b"\0", b" ").decode(errors="replace")
    found.pop(os.getpid(), None)
    return found


def end_left_at_work(folder: Path) -> list[str]:
    """End them, and those that they start meanwhile; returns which they were."""
    ended: list[str] = []
    while left := left_at_work(folder):
        for pid, line in left.items():
            with suppress(ProcessLookupError):
                process = os.pidfd_open(pid)
                signal.pidfd_send_signal(process, signal.SIGKILL)
                select.select([process], [], [])
                os.close(process)
                ended.append(line)
    return ended
