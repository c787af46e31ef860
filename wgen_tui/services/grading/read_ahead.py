"""Samples read before they are wanted.

Promises: `take` returns at once what has been read; what has not is read then and there, so an
error is the taker's own. A program that ends waits for a read that is under way: a thread that
is cut off within DuckDB aborts the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, cast

from store.samples import rows as stored
from store.samples.rows import SampleDetail
from wgen_tui.paths import Home
from wgen_tui.services.data.database import in_little_memory, reading

NOT_READ = object()


class ReadAhead:
    """The details of the samples that will probably be taken next.

    Attributes:
        reading: The last read that was begun.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._read: dict[int, Any] = {}  # SampleDetail, or None where there is no such sample
        self._pool = ThreadPoolExecutor(1, "read-ahead")
        self.reading: Future[None] | None = None

    @in_little_memory
    def take(self, sample_id: int) -> SampleDetail | None:
        """One sample; None if there is no such one.

        Raises:
            BusyError: another program holds the database.
        """
        read = self._read.pop(sample_id, NOT_READ)
        if read is not NOT_READ:
            return cast("SampleDetail | None", read)
        with reading(self._home) as con:
            return stored.detail(con, sample_id)

    def fetch(self, ids: Sequence[int]) -> None:
        """Begin to read these, and forget all others; returns at once.

        Nothing is read while more than half of them are there, so that one opening serves several
        samples, nor while the thread still reads: the next call makes up for it.
        """
        if self.reading is not None and not self.reading.done():
            return
        self._read = {key: self._read[key] for key in ids if key in self._read}
        missing = [key for key in ids if key not in self._read]
        if missing and 2 * len(missing) >= len(ids):
            self.reading = self._pool.submit(self._fetch, missing)

    @in_little_memory
    def _fetch(self, ids: Sequence[int]) -> None:
        # An error stays in the future: whoever takes a sample then reads it, and is told.
        with reading(self._home) as con:
            read = {sample.row.sample_id: sample for sample in stored.details(con, ids)}
        self._read |= {sample_id: read.get(sample_id) for sample_id in ids}
