"""The one family of errors a user may see, and the exit codes.

Promises: whatever a user did wrong reaches them as a `WgenError` with what is wrong, where,
and the command or edit that mends it. A traceback is a bug of ours.
"""

from __future__ import annotations

from enum import IntEnum


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
