"""Counts what a connection is asked and how many rows DuckDB reads for it, by its own profiles.

Promises: the connection is the real one; rows count as DuckDB scans them, in blocks of 2,048, from
tables, parts and Arrow alike; what a table's metadata answer alone counts as a query without rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import duckdb


@dataclass
class Reads:
    """What was asked: how many queries, and the rows that were scanned for them."""

    queries: int = 0
    rows: int = 0


class CountedConnection:
    """A connection whose queries are counted; all else is the connection's own.

    Attributes:
        reads: The count; complete after `settle`.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.reads = Reads()
        self._con = con
        self._asked = False
        con.execute("pragma enable_profiling = 'no_output'")

    def execute(self, *args: Any, **kwargs: Any) -> duckdb.DuckDBPyConnection:
        self.settle()
        self._asked = True
        return self._con.execute(*args, **kwargs)

    def sql(self, *args: Any, **kwargs: Any) -> duckdb.DuckDBPyRelation:
        self.settle()
        self._asked = True
        return self._con.sql(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def settle(self) -> Reads:
        """Count the last query; its rows must have been fetched."""
        if self._asked:
            self._asked = False
            self.reads.queries += 1
            profile = json.loads(self._con.get_profiling_information("json"))
            self.reads.rows += profile.get("query", {}).get("total_rows_scanned", 0)
        return self.reads
