"""The one family of errors a user may see, and the exit codes.

Promises: whatever a user did wrong reaches them as a `WgenError` with what is wrong, where,
and the command or edit that mends it. A traceback is a bug of ours.
"""

from __future__ import annotations

import errno
from enum import IntEnum
from pathlib import PurePath


class ExitCode(IntEnum):
    """Exit codes of the command line; part of the contract in docs/cli.md."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BUSY = 3
    INTERRUPTED = 130


class WgenError(Exception):
    """An error with a message for people.

    Attributes:
        title: A few words, such as "Unknown arm".
        message: What is wrong and where (file, line, key).
        hint: The nearest right thing or the fixing command; may be empty.
        exit_code: What the command line exits with.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, *, title: str = "Error", hint: str = "") -> None:
        super().__init__(message)
        self.title = title
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(WgenError):
    """The user's input or definition is wrong; nothing was written (exit 2)."""

    exit_code = ExitCode.USAGE


class BusyError(WgenError):
    """Something is locked by another process; the same command may work later (exit 3)."""

    exit_code = ExitCode.BUSY


ELSEWHERE = "choose another home with --home DIR or WGEN_HOME."


def _remedy(error: OSError) -> str:
    """What mends what the system said."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"Make room, or {ELSEWHERE}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"`ls -ld` shows whose it is; make it yours to read and write, or {ELSEWHERE}"
    if error.errno == errno.EROFS:
        return f"The disk is mounted to be read only: {ELSEWHERE}"
    return "Move away what stands there, and give the command again."


def disk_error(
    error: OSError, home: PurePath | None = None, *, outcome: str = "", remedy: str = ""
) -> UsageError:
    """The error for a file that the system refuses to read or to write.

    Args:
        error: What the system said.
        home: The home that was being written; None when it may have been any file, or a reading.
        outcome: A sentence on what was kept, such as "Nothing was started."
        remedy: What to do; else what mends an error of this kind.
    """
    place = error.filename if isinstance(error.filename, str | PurePath) else None
    reason = error.strerror or str(error)
    hint = f"{outcome} {remedy or _remedy(error)}".strip()
    if home is None:
        message = f"{place or 'The disk'} cannot be read or written: {reason}."
        return UsageError(message, title="Disk error", hint=hint)
    where = f" ({place})" if place is not None and PurePath(place) != home else ""
    message = f"The home {home} cannot be written: {reason}{where}."
    return UsageError(message, title="Home not writable", hint=hint)
