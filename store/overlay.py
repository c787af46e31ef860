"""The tables as one reader sees them: what the database has and, laid over it, what waits.

Promises: each base table is there by its name with every row once, as it will be when ingested.
While nothing waits, as is usual, they are the database's own, and no Arrow is loaded.
"""

from __future__ import annotations

import duckdb

from store import parts
from store.database.instances import HOME, LAID_OVER
from store.layout import StoreFiles
from store.migrate import newest_version, view_statements
from store.samples import counts
from store.waiting import Waiting


def lay_over(con: duckdb.DuckDBPyConnection, files: StoreFiles, rest: Waiting) -> None:
    """Make the base tables, and the views over them, known in a connection that attaches `home`."""
    if rest.stored.own_views and not rest.todo:
        con.execute(f"use {HOME}")
        return
    con.execute(f"attach ':memory:' as {LAID_OVER}")
    con.execute(f"use {LAID_OVER}")
    if rest.todo or rest.stored.version < newest_version():
        from store.arrow import pending  # noqa: PLC0415 - it loads Arrow: .1 s and 40 MB

        pending.lay_over(con, files, rest)
    else:
        for table in (*parts.ORDER, *counts.TABLES):
            con.execute(f"create view {table} as from home.main.{table}")
    for statement in view_statements():
        con.execute(statement)
