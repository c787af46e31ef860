"""How much memory those hold who read samples.

Promises: DuckDB keeps `READ_MEMORY` at most for a reader, however large the store; what a count of
very many groups needs beyond it goes to a folder beside the database for as long as it takes. A
reader has one thread: each further one holds blocks of every column that it reads, and after it a
heap that the reader's next connection does not get (70 MB with two at a million samples).
"""

from __future__ import annotations

import uuid
from pathlib import Path

import duckdb

from store.waiting import quoted

READ_MEMORY = "48MB"
NeedsMore = duckdb.OutOfMemoryException  # what such a reader raises where no folder helps
SPILL = ".spill-"  # begins the names of folders beside the database


def bound(con: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Bound what a connection holds.

    Args:
        con: From `store.connect.read`.
        root: The folder of the database.
    """
    con.execute(f"set memory_limit = '{READ_MEMORY}'")
    con.execute("set threads = 1")
    # DuckDB makes the folder when it needs one, and removes it.
    con.execute(f"set temp_directory = {quoted(str(root / f'{SPILL}{uuid.uuid4().hex}'))}")
