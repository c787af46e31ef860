"""DuckDB without a database of its own, kept between readers and lent to one at a time.

Promises: a reader is alone in its instance and finds it as a new one is: nothing attached,
no table and no setting of who was there before. At rest it has no file open and holds next to
nothing. What cannot be put back (settings that were locked, access that was closed, a folder that
was spilled to) is closed, and who comes next makes a new one; so does who comes while the kept one
is lent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import duckdb

HOME = "home"  # a reader's name for the database that it attaches,
LAID_OVER = "laid_over"  # and for the tables in memory that it lays over it
SETTINGS = ("temp_directory", "allowed_paths", "preserve_insertion_order", "threads")
NAMED = (  # in what every reader sees: only what a connection alone has goes with it
    "select 1 from duckdb_tables() union all "
    "select 1 from duckdb_views() where not internal limit 1"
)
# Of what it has read and might keep: below a megabyte, since footers of Parquet files that are held
# in its cache of objects may go some KB beyond.
AT_REST = "900KB"

_lock = Lock()
_kept: duckdb.DuckDBPyConnection | None = None


@contextmanager
def lent() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of one's own, to an instance that nobody else has meanwhile."""
    instance = _taken()
    try:
        con = instance.cursor()
        try:
            yield con
        finally:
            con.close()
    finally:
        _given_back(instance)


def _taken() -> duckdb.DuckDBPyConnection:
    global _kept
    with _lock:
        instance, _kept = _kept, None
    if instance is None:
        instance = duckdb.connect(":memory:")
        instance.execute("set autoinstall_known_extensions = false")
    else:
        instance.execute("reset memory_limit")
    return instance


def _given_back(instance: duckdb.DuckDBPyConnection) -> None:
    """Keep an instance if it is as new, and none is kept; else close it."""
    global _kept
    empty = False
    try:
        empty = _empty(instance)
    except duckdb.Error:
        pass  # what it says does not matter: it is closed
    finally:  # for Ctrl+C too
        if not empty:
            instance.close()
    if not empty:
        return
    with _lock:
        spare, _kept = _kept, instance
    if spare is not None:
        spare.close()


def _empty(instance: duckdb.DuckDBPyConnection) -> bool:
    """Let go of all that a reader attached and set; whether nothing else is left."""
    for name in (LAID_OVER, HOME):
        instance.execute(f"detach database if exists {name}")
    for name in SETTINGS:
        instance.execute(f"reset {name}")
    if instance.execute(NAMED).fetchone():
        return False
    instance.execute(f"set memory_limit = '{AT_REST}'")
    return True
