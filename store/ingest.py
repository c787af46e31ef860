"""Ingest part files into the database, exactly once.

Promises: a part's rows and its line in the manifest come in one transaction, so a kill at any
moment leaves it in or out as a whole; ids fold away rows that arrive twice; one ingest at a time
(flock); parts stay on disk. A damaged part is named and keeps nothing else out.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import duckdb

from store import parts
from store.connect import manifest_of, open_for_writing
from store.layout import StoreFiles
from store.schema import KEYS, TABLES

PARTS_AT_ONCE = 200  # in one transaction


@dataclass
class IngestReport:
    """What an ingest did.

    Attributes:
        parts: Files, or ends of files, that were taken in.
        rows: New rows, by table.
        damaged: Why a file could not be read, by name.
        forgotten: Runs whose rows were removed because their folder is gone.
        kept: Where a rebuild left the old database, when it may hold rows that no file has.
    """

    parts: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    kept: str | None = None


@contextmanager
def ingest_lock(files: StoreFiles, *, wait: bool = False) -> Iterator[bool]:
    """Hold the ingest lock; yields False if another process does and `wait` is off."""
    with files.ingest_lock.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def ingest(files: StoreFiles) -> IngestReport | None:
    """Ingest what is new.

    Returns:
        What was done; None if another process is at it.

    Raises:
        StoreBusy: another program holds the database.
        NewerDatabase: a newer version made it.
    """
    with ingest_lock(files) as mine:
        if not mine:
            return None
        with open_for_writing(files) as con:
            return ingest_pending(con, files)


def ingest_pending(con: duckdb.DuckDBPyConnection, files: StoreFiles) -> IngestReport:
    """Ingest what is new, over an open connection."""
    report = IngestReport()
    manifest = manifest_of(con)
    listed = parts.scan(files)
    _forget(con, {part.run_id for part in listed if part.table == "run"}, report)
    todo = parts.pending(listed, manifest)
    for start in range(0, len(todo), PARTS_AT_ONCE):
        group = todo[start : start + PARTS_AT_ONCE]
        batch = parts.read(files, group, manifest)
        report.damaged |= batch.damaged
        if not batch.done:
            continue
        runs = {part.name: part.run_id for part in group}
        con.execute("begin")
        try:
            for table in batch.tables:
                report.rows[table] = report.rows.get(table, 0) + _insert(con, table, batch)
            con.executemany(
                "insert or replace into ingested_part (name, run_id, bytes) values (?, ?, ?)",
                [[name, runs[name], size] for name, size in batch.done.items()],
            )
            con.execute("commit")
        except BaseException:
            _roll_back(con)
            raise
        report.parts += len(batch.done)
    return report


def _insert(con: duckdb.DuckDBPyConnection, table: str, batch: parts.Batch) -> int:
    """Insert the rows whose key is not there yet; returns how many."""
    keys = KEYS[table]
    listed = ", ".join(keys)
    columns = ", ".join(batch.tables[table].column_names)
    con.register("new_rows", batch.tables[table])
    # Only the batch's runs can hold its rows: that keeps the look-up small in a large store.
    narrowed = "where run_id in (select distinct run_id from new_rows)" if table != "prompt" else ""
    rows = con.execute(
        f"insert into {table} ({columns}) "
        f"select distinct on ({listed}) {columns} from new_rows "
        f"anti join (select {listed} from {table} {narrowed}) using ({listed})"
    ).fetchall()
    con.unregister("new_rows")
    return int(rows[0][0])


def _forget(con: duckdb.DuckDBPyConnection, there: set[str], report: IngestReport) -> None:
    """Remove the rows of runs whose folder is gone."""
    known = {row[0] for row in con.execute("select run_id from run").fetchall()}
    gone = sorted(known - there)
    if not gone:
        return
    con.execute("begin")
    try:
        for table in (*(name for name in TABLES if name != "prompt"), "ingested_part"):
            con.execute(f"delete from {table} where run_id in (select unnest(?))", [gone])
        con.execute("commit")
    except BaseException:
        _roll_back(con)
        raise
    report.forgotten = gone


def _roll_back(con: duckdb.DuckDBPyConnection) -> None:
    """End a transaction that failed; after some errors (a full disk) DuckDB has ended it itself."""
    with suppress(duckdb.TransactionException):
        con.execute("rollback")
