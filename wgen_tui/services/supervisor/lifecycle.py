"""Whether a home has a supervisor, and how one is started."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

from wgen_tui.errors import WgenError
from wgen_tui.paths import Home
from wgen_tui.plain_files import append_plain, parse, read_plain
from wgen_tui.services.runs import process
from wgen_tui.services.runs.launch_state import locked

START_WITHIN = 20.0  # seconds for a new supervisor to take its lock


def supervisor_pid(home: Home) -> int | None:
    """The process id of this home's supervisor, or None."""
    if not locked(home.supervisor_lock):
        return None
    try:
        record = parse(read_plain(home.supervisor_lock))
        pid: int = record["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # it has the lock and is about to write
    elsewhere = record.get("host") != socket.gethostname()
    # What an earlier one left in the file is not the holder.
    return pid if elsewhere or process.process_started(pid) == record.get("ticks") else None


def ensure_supervisor(home: Home) -> int | None:
    """Make sure that a supervisor works for this home; call it after writing launches.

    Returns:
        Its process id; None if it found nothing to do and has ended already.

    Raises:
        WgenError: none could be started.
    """
    if (pid := supervisor_pid(home)) is not None:
        return pid
    child = _start(home)
    deadline = time.monotonic() + START_WITHIN
    killed = False
    while time.monotonic() < deadline:
        if (pid := supervisor_pid(home)) is not None:
            return pid
        if (code := child.poll()) is not None:
            if code == 0:  # another was faster, or there was nothing to do
                return supervisor_pid(home)
            if code > 0 or killed:
                break
            child, killed = _start(home), True  # one that was killed says nothing of the next
        time.sleep(0.02)
    raise WgenError(
        f"The supervisor did not start; {home.supervisor_log} says why.", title="No supervisor"
    )


def _start(home: Home) -> subprocess.Popen[bytes]:
    with append_plain(home.supervisor_log) as output:
        return subprocess.Popen(
            [sys.executable, "-m", "wgen_tui.services.supervisor", "--home", str(home.root)],
            cwd=home.root,
            env=process.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
