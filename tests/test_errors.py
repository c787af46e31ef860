"""What the system refuses is said in one way, wherever it happens."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from wgen_tui.errors import ExitCode, disk_error

HOME = Path("/data/home")


def refused(path: Path | None = None) -> OSError:
    reason = os.strerror(errno.ENOSPC)
    return OSError(errno.ENOSPC, reason) if path is None else OSError(errno.ENOSPC, reason, path)


def test_a_home_is_named_with_the_file_in_it() -> None:
    error = disk_error(refused(HOME / "runs"), HOME, outcome="Nothing was started.")
    assert error.title == "Home not writable"
    assert error.message == (
        "The home /data/home cannot be written: No space left on device (/data/home/runs)."
    )
    assert error.hint == (
        "Nothing was started. Make room, or choose another home with --home DIR or WGEN_HOME."
    )
    assert error.exit_code is ExitCode.USAGE


def test_a_home_is_named_once() -> None:
    message = "The home /data/home cannot be written: No space left on device."
    assert disk_error(refused(HOME), HOME).message == message
    assert disk_error(refused(), HOME).message == message


def test_any_file_may_have_been_read_or_written() -> None:
    error = disk_error(refused(Path("/elsewhere/out.csv")))
    assert error.title == "Disk error"
    assert error.message == (
        "/elsewhere/out.csv cannot be read or written: No space left on device."
    )
    assert disk_error(refused()).message.startswith("The disk cannot be read or written: No space")
