"""Open the database to read it: short connections that see every row on disk.

Promises: a reader sees every row that is on disk, ingested or not; it never blocks a worker (they
write files) and holds the database file only until its connection is closed. Of what waits to be
ingested, little is laid over the tables for one reader; much is ingested by the first reader that
comes, once for all of them, where it may be done at once: nobody is at it, no stock client holds
the database, the disk takes it, and the home is not opened to be read only. Else it is laid over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from store.cancel import Cancel
from store.database import turns
from store.database.instances import lent
from store.database.opening import (
    READ_PATIENCE,
    REFUSALS,
    Connection,
    StoreBroken,
    StoreBusy,
    attach,
    attached,
    disk_errors,
    open_for_writing,
)
from store.layout import StoreFiles
from store.overlay import lay_over
from store.waiting import Mark, mark, waiting

__all__ = [
    "READ_PATIENCE",
    "REFUSALS",
    "Connection",
    "StoreBroken",
    "StoreBusy",
    "StoreFiles",
    "attached",
    "open_for_writing",
    "read",
]

INGEST_AGAIN = 10.0  # seconds until a reader tries again what left much waiting (damaged files)
_tried: dict[Path, float] = {}  # when, by database


@contextmanager
def read(files: StoreFiles, patience: float = READ_PATIENCE) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that has the views of views.sql, with every row that is on disk.

    The connection is an in-memory one that attaches the database read-only as `home` and lays the
    parts that are not ingested yet over it. It sees one moment; open another for the next.

    Raises:
        StoreBusy: another program has held the database for longer than `patience` seconds.
        NewerDatabase: a newer version made it.
        StoreBroken: its file is damaged.
        KeyboardInterrupt: Ctrl+C, whatever DuckDB was at.
    """
    # Parts are listed after opening: one ingested between the two would be seen twice else.
    with disk_errors(files.database), ExitStack() as stack:
        con, before = stack.enter_context(_opened(files, patience))
        rest = waiting(con, files, before)
        if rest.much and _may_ingest(files):
            from store.ingest import ingest_if_free  # noqa: PLC0415 - it loads Arrow

            stack.close()
            if ingest_if_free(files):
                _tried[files.database] = time.monotonic()
            con, before = stack.enter_context(_opened(files, patience))
            rest = waiting(con, files, before)
        with Cancel().watching(con):  # for Ctrl+C
            con.execute("set TimeZone = 'UTC'")
            lay_over(con, files, rest)
            yield con


def _may_ingest(files: StoreFiles) -> bool:
    """Whether this reader may try: a file that cannot be taken in is not tried by every one."""
    last = _tried.get(files.database)
    return not files.readonly and (last is None or time.monotonic() - last > INGEST_AGAIN)


@contextmanager
def _opened(
    files: StoreFiles, patience: float
) -> Iterator[tuple[duckdb.DuckDBPyConnection, Mark | None]]:
    # The turn ends behind the connection: by then nothing is attached any more.
    with turns.reading(files, patience) as mine, lent() as con:
        before = mark(files.database)
        if files.database.exists():
            try:
                attach(con, files.database, patience if mine else 0.0)
            except duckdb.IOException:
                if files.database.exists():
                    raise  # else it was removed just now
        yield con, before
