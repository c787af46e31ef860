"""When a grader saw which answers were whose, and who else grades under that name now.

Promises: an unblinding is on disk (journal, fsynced) before anything is shown; it is never undone;
a name that another living session grades under is known as such, on this machine.
"""

from __future__ import annotations

import fcntl
import os
import time
from datetime import datetime
from pathlib import Path

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.plain_files import append_plain
from wgen_tui.protocol.record import Record, now
from wgen_tui.services.data.journal import file_name, lines


class Unblinding(Record):
    """One line of journal/unblinded-*.jsonl: from here on, this person's grades are not blind."""

    experiment: str
    rubric: str
    grader: str
    unblinded_at: datetime


def unblind(home: Home, experiment: str, rubric: str, grader: str) -> datetime:
    """Note that a grader is about to see whose answers were graded; the first time stays.

    Raises:
        UsageError: it cannot be written.
    """
    before = unblinded_at(home, experiment, rubric, grader)
    if before is not None:
        return before
    record = Unblinding(experiment=experiment, rubric=rubric, grader=grader, unblinded_at=now())
    path = home.journal / f"unblinded-{file_name(grader)}-{time.strftime('%Y%m%d')}.jsonl"
    try:
        home.journal.mkdir(mode=0o700, parents=True, exist_ok=True)
        with append_plain(path) as stream:
            stream.write(record.model_dump_json().encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise UsageError(
            f"That you saw it cannot be written to {path}: {error.strerror or error}.",
            title="Not shown",
            hint="Put it right; your grades stay blind until then.",
        ) from error
    return record.unblinded_at


def unblinded_at(home: Home, experiment: str, rubric: str, grader: str) -> datetime | None:
    """When a grader first saw whose answers were graded; None while they are blind."""
    moments = [
        record.unblinded_at
        for record in lines(home, "unblinded", Unblinding)
        if (record.experiment, record.rubric, record.grader) == (experiment, rubric, grader)
    ]
    return min(moments, default=None)


class NameLock:
    """Held as long as a session grades under a name.

    Every session of a name locks a file of its own, the first that is free; another session is one
    whose file is locked, whoever began first and whoever has left since.

    Attributes:
        shared: Whether another session of the name was there when this one began.
    """

    def __init__(self, home: Home, grader: str) -> None:
        self._folder, self._name = home.journal, file_name(grader)
        self._slot = 0
        self._handle: int | None = None
        self.shared = False
        try:
            home.journal.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take()
        except OSError:
            return  # grades are appended all the same, each session to a file of its own
        self.shared = self.others()

    def _take(self) -> None:
        """Lock the first file that is free."""
        while (handle := _locked(self._path(self._slot), os.O_CREAT)) is None:
            self._slot += 1
        self._handle = handle

    def _path(self, slot: int) -> Path:
        number = f".{slot}" if slot else ""
        return self._folder / f"{self._name}{number}.lock"

    def others(self) -> bool:
        """Whether another session grades under this name now."""
        slot = 0
        while True:
            if slot != self._slot or self._handle is None:
                try:
                    handle = _locked(self._path(slot))
                except OSError:  # there are no more files than sessions at one time
                    return False
                if handle is None:
                    return True
                os.close(handle)
            slot += 1

    def release(self) -> None:
        """Let another session have the name."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _locked(path: Path, create: int = 0) -> int | None:
    """A handle that holds a lock; None where another session holds it."""
    flags = os.O_RDWR | create | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(path, flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle
