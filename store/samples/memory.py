"""How much memory those hold who read samples.

Promises: DuckDB keeps `LIMITS[0]` at most for a reader, however large the store; what a count of
very many groups needs beyond it goes to a folder beside the database for as long as it takes, and
what no folder helps is read again with the next limit. What DuckDB may keep it keeps: blocks that
it has read, which the next query of a short connection seldom asks for. A reader has one thread:
each further one holds blocks of every column that it reads, and after it a heap that the reader's
next connection does not get (70 MB with two at a million samples).
"""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb

from store.waiting import quoted

LIMITS = ("16MB", "24MB", "96MB")  # tried in turn; then as much as there is
NeedsMore = duckdb.OutOfMemoryException  # what such a reader raises where no folder helps
SPILL = ".spill-"  # begins the names of folders beside the database


def bound(con: duckdb.DuckDBPyConnection, root: Path, limit: str) -> None:
    """Bound what a connection holds.

    Args:
        con: From `store.connect.read`.
        root: The folder of the database.
        limit: One of `LIMITS`.
    """
    con.execute(f"set memory_limit = '{limit}'")
    con.execute("set threads = 1")
    # DuckDB makes the folder when it needs one, and removes it.
    con.execute(f"set temp_directory = {quoted(str(root / f'{SPILL}{uuid.uuid4().hex}'))}")
