"""Open the database file: many readers at once, or one writer under the ingest lock.

Promises: a writer's memory is bounded, and so is what it does when it closes the file; when another
program keeps the file, the error names it; what the disk refused is an OSError, and a damaged file
says so.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import duckdb

from store.cancel import Cancel
from store.database import turns
from store.database.instances import HOME, lent
from store.layout import StoreFiles
from store.migrate import migrate
from store.waiting import quoted

Connection = duckdb.DuckDBPyConnection

READ_PATIENCE = 5.0  # seconds; an ingest holds the file for a fifth of one at a time
WRITE_PATIENCE = 5.0
MEMORY = "256MB"  # what needs more goes to a folder beside the database
THREADS = min(4, os.cpu_count() or 1)  # each holds a block of every column it writes
FIRST_WAIT, LONGEST_WAIT = 0.005, 0.1
BROKEN = (
    "not a valid DuckDB database",
    "Corrupt database",
    "does not match stored checksum",
    "Could not read enough bytes",  # a file that was cut short
)
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


def _refuse_odd(database: Path) -> None:
    """Refuse what DuckDB would read as its file and is none; of a FIFO it would wait for a writer.

    Raises:
        StoreBroken: it is a folder, a FIFO, a circle of links, or the like.
    """
    for path in (database, Path(f"{database}.wal")):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise StoreBroken(path, "it is a link that leads in a circle") from error
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no plain file"
            raise StoreBroken(path, f"it is {what}")


def attach(con: duckdb.DuckDBPyConnection, database: Path, patience: float) -> None:
    """Have a connection know a database as `home`, read-only.

    Raises:
        StoreBusy: another program held it for longer than `patience` seconds.
        StoreBroken: what stands in its place is no plain file.
    """
    statement = f"attach {quoted(str(database))} as {HOME} (read_only)"
    _patiently(lambda: con.execute(statement), database, patience)


def _patiently(
    opened: Callable[[], duckdb.DuckDBPyConnection], database: Path, patience: float
) -> duckdb.DuckDBPyConnection:
    """Open a file, waiting while another program holds it."""
    _refuse_odd(database)
    end, wait = time.monotonic() + patience, FIRST_WAIT
    while True:
        try:
            return opened()
        except duckdb.Error as error:
            busy = _busy(error)
            if busy is None:
                raise
            if time.monotonic() > end:
                raise busy from error
        time.sleep(wait)
        wait = min(LONGEST_WAIT, wait * 2)


@contextmanager
def open_for_writing(
    files: StoreFiles, patience: float = WRITE_PATIENCE, *, shared: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database, migrated; only for who holds the ingest lock.

    Args:
        files: Where it is.
        patience: Seconds for which others may go on reading.
        shared: Whether others read it; then it is closed without merging blocks of rows, which
            takes DuckDB seconds each time; a rebuild makes whole ones.

    Raises:
        StoreBusy: another program holds it.
        NewerDatabase: a newer version made it.
        StoreBroken: its file is damaged.
        OSError: the disk is full or refuses to be written.
    """
    with disk_errors(files.database), _alone(files, patience, shared=shared) as con:
        con.execute("set autoinstall_known_extensions = false")
        con.execute("set TimeZone = 'UTC'")
        _bound(con)
        if shared:
            con.execute("set max_vacuum_tasks = 0")
        migrate(con)
        yield con


@contextmanager
def _alone(
    files: StoreFiles, patience: float, *, shared: bool
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The file, with nobody else in it."""
    with turns.writing(files, patience) if shared else nullcontext(True) as mine:
        con = _patiently(
            lambda: duckdb.connect(str(files.database)), files.database, patience if mine else 0.0
        )
        try:
            if not mine:  # a reader whose process has lost DuckDB's lock
                raise StoreBusy(None, None)
            yield con
        finally:
            con.close()


@contextmanager
def disk_errors(database: Path) -> Iterator[None]:
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


@contextmanager
def attached(
    files: StoreFiles, patience: float = READ_PATIENCE
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database alone, as `home`, to read all of it in bounded memory while others read too.

    Raises:
        StoreBusy: another program writes to it.
        StoreBroken: its file is damaged.
    """
    with (
        disk_errors(files.database),
        turns.reading(files, patience) as mine,
        lent() as con,
        Cancel().watching(con),  # for Ctrl+C
    ):
        attach(con, files.database, patience if mine else 0.0)
        con.execute("set TimeZone = 'UTC'")
        con.execute(f"set temp_directory = {quoted(f'{files.database}.reading.tmp')}")
        _bound(con)
        yield con


def _bound(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"set memory_limit = '{MEMORY}'")
    con.execute(f"set threads = {THREADS}")
