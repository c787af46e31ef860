"""What the launches of one budget have asked for and paid, on disk before a request is made.

Promises: a request stands in the ledger before it is sent, as dear as it may become, and is settled
when its answer is there, so that whatever is killed, nothing that may have been paid is forgotten;
launches that are retries of each other, at once or one after the other, count in one file. A power
cut may cost the last second.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wgen_tui.plain_files import append_plain, open_plain

SYNC_SECONDS = 1.0  # most that a power cut takes
END = b"."  # of a line that is whole


class Ledger:
    """The file of one budget.

    Attributes:
        spent: What answers cost.
        open: What requests may cost that have no answer: on their way, lost, or killed.
    """

    def __init__(self, path: Path, before: float = 0.0) -> None:
        """Open the file; a new one begins with what was spent before there was one.

        Raises:
            OSError: something else stands there, or it cannot be written.
        """
        self.spent = 0.0
        self.open = 0.0
        self._begun = False
        self._rest = b""
        self._writer = append_plain(path)
        self._reader = open_plain(path)
        self._synced_at = time.monotonic()
        with self.locked():
            if not self._begun:
                self._write(b"paid", 0.0, before)
                self._read()

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()
        self._writer.close()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Know what all have written, and be the only one who writes."""
        fcntl.flock(self._writer, fcntl.LOCK_EX)
        try:
            self._read()
            yield
        finally:
            fcntl.flock(self._writer, fcntl.LOCK_UN)

    def ask(self, most: float) -> None:
        """A request is about to be made; only while locked."""
        self._write(b"asked", most)
        self._read()

    def settle(self, most: float, cost: float) -> None:
        """A request has ended, and cost so much."""
        with self.locked():
            self._write(b"paid", most, cost)
            self._read()

    def _write(self, word: bytes, *amounts: float) -> None:
        words = [word, *(repr(amount).encode() for amount in amounts), END]
        # What a full disk cut short must not be read together with this line.
        self._writer.write((b"\n" if self._rest else b"") + b" ".join(words) + b"\n")
        self._writer.flush()
        if time.monotonic() - self._synced_at > SYNC_SECONDS:
            os.fdatasync(self._writer.fileno())
            self._synced_at = time.monotonic()

    def _read(self) -> None:
        """Take what was written since the last time, by whomever."""
        *lines, self._rest = (self._rest + self._reader.read()).split(b"\n")
        for line in lines:
            words = line.split()
            if len(words) < 2 or words[-1] != END:
                continue
            self._begun = True
            most, *costs = (float(word) for word in words[1:-1])
            self.open += -most if costs else most
            self.spent += sum(costs)
