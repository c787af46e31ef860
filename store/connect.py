"""Open the database: short read-only connections, one writer under the ingest lock.

Promises: a reader sees every row that is on disk, ingested or not; it never blocks a worker (they
write files) and holds the database file only until its connection is closed; when another program
keeps the file, the error names it.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from store import parts
from store.layout import StoreFiles
from store.migrate import migrate, refuse_newer, version, view_statements
from store.schema import KEYS, TABLES

__all__ = ["Connection", "StoreBroken", "StoreBusy", "StoreFiles", "open_for_writing", "read"]

Connection = duckdb.DuckDBPyConnection

READ_PATIENCE = 5.0  # seconds; an ingest holds the file for a quarter of one
WRITE_PATIENCE = 5.0
FIRST_WAIT, LONGEST_WAIT = 0.005, 0.1
BROKEN = ("not a valid DuckDB database", "Corrupt database", "does not match stored checksum")
REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


class StoreBusy(Exception):
    """Another program holds the database.

    Attributes:
        pid: Its process id, if DuckDB told it.
        program: Its executable, if DuckDB told it.
    """

    def __init__(self, pid: int | None, program: str | None) -> None:
        who = f"{program or 'another program'}" + (f" (process {pid})" if pid else "")
        super().__init__(f"The database is held by {who}.")
        self.pid = pid
        self.program = program


class StoreBroken(Exception):
    """The database file is damaged; it can be rebuilt from the files."""

    def __init__(self, database: Path, why: str) -> None:
        super().__init__(f"{database} is damaged: {why}")


def _busy(error: duckdb.Error) -> StoreBusy | None:
    """The StoreBusy that an error stands for, or None if it means something else."""
    text = str(error)
    if "Conflicting lock" in text or "Could not set lock" in text:
        match = re.search(r"held in (\S+)(?: \(deleted\))? \(PID (\d+)\)", text)
        return StoreBusy(int(match[2]), Path(match[1]).name) if match else StoreBusy(None, None)
    if "Unique file handle conflict" in text or "different configuration" in text:
        return StoreBusy(None, "this program")
    return None


def _connect(database: Path, patience: float, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """Open, waiting while another program holds the file.

    Raises:
        StoreBusy: it held it for longer than `patience` seconds.
    """
    end, wait = time.monotonic() + patience, FIRST_WAIT
    while True:
        con = None
        try:
            if not read_only:
                return duckdb.connect(str(database))
            con = duckdb.connect(":memory:")
            con.execute("set autoinstall_known_extensions = false")
            con.execute(f"attach {quoted(str(database))} as home (read_only)")
            return con
        except duckdb.Error as error:
            if con is not None:
                con.close()
            busy = _busy(error)
            if busy is None:
                raise
            if time.monotonic() > end:
                raise busy from error
        time.sleep(wait)
        wait = min(LONGEST_WAIT, wait * 2)


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def open_for_writing(files: StoreFiles) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database, migrated; only for who holds the ingest lock.

    Raises:
        StoreBusy: another program holds it.
        NewerDatabase: a newer version made it.
        StoreBroken: its file is damaged.
        OSError: the disk is full or refuses to be written.
    """
    with _disk_errors(files.database):
        con = _connect(files.database, WRITE_PATIENCE, read_only=False)
        try:
            con.execute("set autoinstall_known_extensions = false")
            con.execute("set TimeZone = 'UTC'")
            migrate(con)
            yield con
        finally:
            con.close()


@contextmanager
def _disk_errors(database: Path) -> Iterator[None]:
    """Raise what the disk refused as OSError, and a damaged file as StoreBroken."""
    try:
        yield
    except duckdb.Error as error:
        text = str(error)
        if any(mark in text for mark in BROKEN):
            raise StoreBroken(database, text.splitlines()[0]) from error
        number = next((n for n in REFUSALS if os.strerror(n) in text), None)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(database)) from error


def manifest_of(con: duckdb.DuckDBPyConnection, table: str = "ingested_part") -> dict[str, int]:
    """Bytes ingested, by part name."""
    return dict(con.execute(f"select name, bytes from {table}").fetchall())


@contextmanager
def read(files: StoreFiles, patience: float = READ_PATIENCE) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that has the views of views.sql, with every row that is on disk.

    The connection is an in-memory one that attaches the database read-only as `home` and lays the
    parts that are not ingested yet over it. It sees one moment; open another for the next.

    Raises:
        StoreBusy: another program has held the database for longer than `patience` seconds.
        NewerDatabase: a newer version made it.
        StoreBroken: its file is damaged.
    """
    # Parts are listed after opening: one ingested between the two would be seen twice else.
    with _disk_errors(files.database):
        con = _open(files, patience)
        try:
            con.execute("set TimeZone = 'UTC'")
            _overlay(con, files)
            yield con
        finally:
            con.close()


def _open(files: StoreFiles, patience: float) -> duckdb.DuckDBPyConnection:
    if not files.database.exists():
        return duckdb.connect(":memory:")
    try:
        return _connect(files.database, patience, read_only=True)
    except duckdb.IOException:
        if files.database.exists():
            raise
        return duckdb.connect(":memory:")  # removed just now


def _overlay(con: duckdb.DuckDBPyConnection, files: StoreFiles) -> None:
    stored = version(con, "home")
    refuse_newer(stored)
    manifest = manifest_of(con, "home.main.ingested_part") if stored else {}
    todo = parts.pending(parts.scan(files), manifest)
    batch = parts.read(files, todo, manifest)
    there = _tables_of(con) if stored else set()
    for table, schema in TABLES.items():
        rows = batch.tables.get(table)
        _overlay_table(
            con, table, rows if rows is not None else schema.empty_table(), stored=table in there
        )
    for statement in view_statements():
        con.execute(statement)


def _tables_of(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The tables of the database; an older version lacks some."""
    rows = con.execute("select table_name from duckdb_tables() where database_name = 'home'")
    return {name for (name,) in rows.fetchall()}


def _overlay_table(
    con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table, *, stored: bool
) -> None:
    """Make a view of `table`: what the database has, and the `rows` that it lacks."""
    if not rows.num_rows:
        if stored:
            con.execute(f"create view {table} as select * from home.main.{table}")
        else:
            con.register("new_rows", rows)
            con.execute(f"create table {table} as select * from new_rows")
            con.unregister("new_rows")
        return
    keys = ", ".join(KEYS[table])
    con.register("new_rows", rows)
    con.execute(f"create table new_{table} as select distinct on ({keys}) * from new_rows")
    con.unregister("new_rows")
    if not stored:
        con.execute(f"create view {table} as select * from new_{table}")
        return
    same = " and ".join(f"mine.{key} = theirs.{key}" for key in KEYS[table])
    con.execute(f"delete from new_{table} mine using home.main.{table} theirs where {same}")
    con.execute(
        f"create view {table} as "
        f"select * from home.main.{table} union all by name select * from new_{table}"
    )
