"""Ingest part files into the database, exactly once.

Promises: a part's rows and its line in the manifest come in one transaction, so a kill at any
moment leaves it in or out as a whole; ids fold away rows that arrive twice; one ingest at a time
(flock); parts stay on disk. A damaged part is named and keeps nothing else out. Memory is bounded
whatever there is to take in; rows go from files to tables as columns. Readers are let in after
every few thousand rows, and while files are read.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from store import newest, parts
from store.arrow import part_rows
from store.cancel import Cancel
from store.database.opening import (
    WRITE_PATIENCE,
    StoreBroken,
    StoreBusy,
    attached,
    open_for_writing,
)
from store.database.turns import last_reader
from store.layout import StoreFiles
from store.migrate import is_current
from store.progress import told
from store.samples import counts
from store.samples.filters import literals
from store.schema import KEYS, TABLES
from store.waiting import manifest_of

# Of rows in memory. The many fill a block of DuckDB's, so that it skips the log; the few are taken
# in in a tenth of a second, for which readers wait.
BATCH_BYTES, TURN_BYTES = 128 << 20, 4 << 20
LONGEST_TURN = 4  # times that, while no reader comes
READERS_LEAVE = 3.0  # seconds; who reads goes on to the next page sooner
READER_PATIENCE = 0.3  # seconds; a reader that would ingest for others can do without
MANIFEST = pa.schema([("name", pa.string()), ("run_id", pa.string()), ("bytes", pa.int64())])

Opened = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


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
    # O_NONBLOCK: a FIFO in its place would wait for a reader.
    flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(files.ingest_lock, flags, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def ingest(files: StoreFiles) -> IngestReport | None:
    """Ingest what is new.

    Returns:
        What was done; None if another process is at it.

    Raises:
        StoreBusy: another program holds the database.
        NewerDatabase: a newer version made it.
    """
    with ingest_lock(files) as mine:
        return ingest_in_turns(files) if mine else None


def ingest_if_free(files: StoreFiles) -> bool:
    """Ingest what is new for a reader, who can do without: unless something is in the way.

    Returns:
        Whether it was tried; False while another process is at it.

    Raises:
        KeyboardInterrupt: Ctrl+C, whatever DuckDB was at; what was taken in until then stays.
    """
    try:
        with ingest_lock(files) as mine:
            if mine:
                ingest_in_turns(files, READER_PATIENCE)
            return mine
    except (StoreBusy, StoreBroken, OSError, duckdb.Error):
        return True  # who ingests for its own sake, or verifies, says what is wrong


def ingest_in_turns(files: StoreFiles, patience: float = WRITE_PATIENCE) -> IngestReport:
    """Ingest what is new, and let readers in between batches; for who holds the ingest lock.

    Raises:
        StoreBusy: another program has held the database for longer than `patience` seconds.
        NewerDatabase: a newer version made it.
        KeyboardInterrupt: Ctrl+C, whatever DuckDB was at; what was taken in until then stays.
    """
    turns = _Turns(files, patience)
    manifest, runs = _known_parts(files, turns.opened, patience)
    return _ingest(files, manifest, runs, turns.opened, turns.limit)


def ingest_pending(con: duckdb.DuckDBPyConnection, files: StoreFiles) -> IngestReport:
    """Ingest what is new over an open connection, which nobody waits for."""
    manifest, runs = manifest_of(con), _runs(con)
    return _ingest(files, manifest, runs, lambda: nullcontext(con), lambda: BATCH_BYTES)


@contextmanager
def rereading_specs(files: StoreFiles, run_ids: Sequence[str]) -> Iterator[None]:
    """Have the specs of some runs, which are written anew inside, read again.

    Nothing is ingested meanwhile, so that a kill at any point leaves no row of a spec that was.

    Raises:
        StoreBusy: another program holds the database; nothing was done.
        NewerDatabase: a newer version made it.
    """
    with ingest_lock(files, wait=True):
        if files.database.exists():
            names = [f"runs/{run_id}/spec.json" for run_id in run_ids]
            with (
                suppress(StoreBroken),  # it is to be made again as it is
                open_for_writing(files, WRITE_PATIENCE) as con,
                transaction(con),
            ):
                con.execute("delete from run where run_id in (select unnest(?))", [list(run_ids)])
                con.execute("delete from ingested_part where name in (select unnest(?))", [names])
        yield


class _Turns:
    """The database, open again and again: for longer each time, until a reader comes."""

    def __init__(self, files: StoreFiles, patience: float) -> None:
        self._files = files
        self._patience = patience
        self._bytes = TURN_BYTES
        self._before: float | None = None

    def limit(self) -> int:
        """Bytes of rows for the next turn."""
        return self._bytes

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        came = last_reader(self._files)
        wanted = self._before not in (None, came) and abs(time.time() - came) < READERS_LEAVE
        longer = min(LONGEST_TURN * TURN_BYTES, 2 * self._bytes)
        self._bytes = TURN_BYTES if wanted else longer
        with open_for_writing(self._files, self._patience) as con, Cancel().watching(con):
            if self._before is None:  # who ingests has just read itself, or made the lock's file
                self._before = last_reader(self._files)
            yield con


def _known_parts(
    files: StoreFiles, opened: Opened, patience: float
) -> tuple[dict[str, int], set[str]]:
    """What is ingested, and of which runs: read beside others, if there is nothing to mend."""
    if files.database.exists() and not Path(f"{files.database}.wal").exists():
        with attached(files, patience) as con:
            if is_current(con):
                return manifest_of(con, "home.main.ingested_part"), _runs(con, "home.main.run")
    with opened() as con:
        return manifest_of(con), _runs(con)


def _runs(con: duckdb.DuckDBPyConnection, table: str = "run") -> set[str]:
    return {row[0] for row in con.execute(f"select run_id from {table}").fetchall()}


def _ingest(
    files: StoreFiles,
    manifest: Mapping[str, int],
    runs: set[str],
    opened: Opened,
    limit: Callable[[], int],
) -> IngestReport:
    """Ingest what is not in the manifest, `limit()` bytes of rows for each time it is opened.

    Nothing is read while it is open.
    """
    report = IngestReport()
    listed = parts.scan(files)
    report.forgotten = sorted(runs - {part.run_id for part in listed if part.table == "run"})
    if report.forgotten:
        with opened() as con:
            _forget(con, report.forgotten)
    todo = sorted(parts.pending(listed, manifest), key=lambda part: parts.ORDER.index(part.table))
    total, done = sum(_left(part, manifest) for part in todo), 0
    with told() if todo else nullcontext(None) as on_progress:
        for batch in part_rows.batches(files, todo, manifest, limit):
            report.damaged |= batch.damaged
            if batch.done:
                with opened() as con:
                    _take_in(con, batch, report)
            done += sum(_left(part, manifest) for part in batch.done)
            if on_progress is not None:
                on_progress(done, total)
            del batch  # else it would be held while the next is read
    report.damaged = {
        part.name: report.damaged[part.name] for part in listed if part.name in report.damaged
    }
    return report


def _left(part: parts.Part, manifest: Mapping[str, int]) -> int:
    """Bytes of a part that are not ingested."""
    return part.size - manifest.get(part.name, 0)


def _take_in(con: duckdb.DuckDBPyConnection, batch: part_rows.Batch, report: IngestReport) -> None:
    """A batch's rows, and how far its parts were read, in one transaction."""
    with transaction(con):
        for table, rows in batch.tables.items():
            report.rows[table] = report.rows.get(table, 0) + _insert(con, table, rows)
        _note(con, batch.done)
    report.parts += len(batch.done)


def _note(con: duckdb.DuckDBPyConnection, done: Mapping[parts.Part, int]) -> None:
    """Say in the manifest how far parts were read."""
    lines = [(part.name, part.run_id, size) for part, size in done.items()]
    columns = [pa.array(values) for values in zip(*lines, strict=True)]
    con.register("read_parts", pa.table(columns, schema=MANIFEST))
    con.execute(
        "insert or replace into ingested_part (name, run_id, bytes) "
        "select name, run_id, bytes from read_parts"
    )
    con.unregister("read_parts")


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> int:
    """Insert the rows whose key is not there yet; returns how many."""
    con.register("new_rows", rows)
    if _repeats(con, table):
        con.register("new_rows", con.sql(_lacking(table)).to_arrow_table())
    count = _insert_new(con, table, ", ".join(rows.column_names))
    con.unregister("new_rows")
    return count


def _insert_new(con: duckdb.DuckDBPyConnection, table: str, columns: str) -> int:
    """Insert `new_rows`, none of which is there."""
    insert = f"insert into {table} ({columns}) select {columns} from new_rows"
    touched = "select sample_id, run_id from new_rows"
    if table == "sample":
        with counts.moving(con, touched, fresh=True):
            return _count(con, insert)
    if table != "grade":
        return _count(con, insert)
    plain = newest.simple(con, "new_rows", "grade")
    insert = f"insert into grade ({columns}, counts) select {columns}, {plain} from new_rows"
    if not plain:
        touched += f" union {newest.touched('new_rows', 'grade')}"
    with counts.moving(con, touched):
        count = _count(con, insert)
        if not plain:
            newest.settle(con, "new_rows")
    return count


def _count(con: duckdb.DuckDBPyConnection, insert: str) -> int:
    """How many rows an insert inserts."""
    ((count,),) = con.execute(insert).fetchall()
    return int(count)


def _known(table: str) -> str:
    """The keys in the database that `new_rows` may have.

    Only the batch's runs can hold its rows: that keeps the look-up small in a large store.
    """
    narrowed = "where run_id in (select distinct run_id from new_rows)" if table != "prompt" else ""
    return f"(select {', '.join(KEYS[table])} from {table} {narrowed})"


def _repeats(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether `new_rows` has a key twice, or one that is there: almost never."""
    keys = ", ".join(KEYS[table])
    ((repeats,),) = con.execute(
        f"select (select count(*) from (select distinct {keys} from new_rows)) "
        "  < (select count(*) from new_rows) "
        f"or exists (select 1 from {_known(table)} semi join new_rows using ({keys}))"
    ).fetchall()
    return bool(repeats)


def _lacking(table: str) -> str:
    """The rows of `new_rows` that are not there, each once."""
    keys = ", ".join(KEYS[table])
    return f"select distinct on ({keys}) * from new_rows anti join {_known(table)} using ({keys})"


def _forget(con: duckdb.DuckDBPyConnection, gone: list[str]) -> None:
    """Remove the rows of runs whose folder is gone."""
    with transaction(con):
        # What verdicts of these runs took back counts again, should it belong to another run.
        con.execute(
            "create or replace temp table leaving as select sample_id, judge, grader, retracts "
            "from grade where retracts is not null and run_id in (select unnest(?))",
            [gone],
        )
        elsewhere = (
            f"from ({newest.touched('leaving', 'grade')}) where run_id not in ({literals(gone)})"
        )
        tables = (*(name for name in TABLES if name != "prompt"), "sample_count", "ingested_part")
        with counts.moving(con, elsewhere):
            for table in tables:
                con.execute(f"delete from {table} where run_id in (select unnest(?))", [gone])
            newest.settle(con, "leaving")
        con.execute("drop table leaving")


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of it or nothing."""
    con.execute("begin")
    try:
        yield
        con.execute("commit")
    except BaseException:
        with suppress(duckdb.TransactionException):  # a full disk ends it by itself
            con.execute("rollback")
        raise
