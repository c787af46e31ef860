"""Compare the database with the files, and rebuild it from them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from store import parts
from store.connect import StoreBroken, open_for_writing
from store.ingest import IngestReport, ingest_lock, ingest_pending
from store.layout import StoreFiles
from store.migrate import NewerDatabase
from store.overlay import manifest_of
from store.schema import KEYS, TABLES

FEW = 3  # ids named in a problem


@dataclass(frozen=True, slots=True)
class Problem:
    """One way in which files and database differ.

    Attributes:
        what: A word: damaged, missing, surplus, different.
        where: The file or table.
        detail: What is wrong.
    """

    what: str
    where: str
    detail: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.detail}"


def verify(files: StoreFiles) -> list[Problem]:
    """Ingest what is new, then compare every row of the files with the database.

    Returns:
        What differs; empty if all is well.

    Raises:
        StoreBusy: another program holds the database.
    """
    try:
        with ingest_lock(files, wait=True), open_for_writing(files) as con:
            report = ingest_pending(con, files)
            problems = [Problem("damaged", name, why) for name, why in report.damaged.items()]
            return problems + _compare(con, files, set(report.damaged))
    except StoreBroken as error:
        return [Problem("damaged", files.database.name, str(error))]


def _compare(con: duckdb.DuckDBPyConnection, files: StoreFiles, damaged: set[str]) -> list[Problem]:
    listed = parts.scan(files)
    problems = _sizes(con, listed)
    for table in TABLES:
        sound = [part for part in listed if part.table == table and part.name not in damaged]
        batch = parts.read(files, sound, {})
        problems += [Problem("damaged", name, why) for name, why in batch.damaged.items()]
        rows = batch.tables.get(table, TABLES[table].empty_table())
        problems += _compare_table(con, table, rows)
    return problems


def _sizes(con: duckdb.DuckDBPyConnection, listed: list[parts.Part]) -> list[Problem]:
    """Files that are gone, or are not as long as when they were taken in."""
    there = {part.name: part for part in listed}
    problems = []
    for name, size in manifest_of(con).items():
        part = there.get(name)
        if part is None:
            problems.append(Problem("missing", name, "the file was taken in and is gone"))
        elif part.size < size or (part.size != size and not part.grows):
            detail = f"{size} bytes were taken in, {part.size} are there"
            problems.append(Problem("different", name, detail))
    return problems


def _compare_table(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> list[Problem]:
    keys = ", ".join(KEYS[table])
    columns = ", ".join(rows.column_names)
    con.register("file_rows", rows)
    con.execute(
        f"create or replace temp view in_files as "
        f"select distinct on ({keys}) {columns} from file_rows"
    )
    problems = []
    for what, one, other in (("missing", "in_files", table), ("surplus", table, "in_files")):
        sql = f"select {keys} from {one} anti join {other} using ({keys})"
        problems += _problem(con, what, table, sql)
    same = f"select {columns} from {table} semi join in_files using ({keys})"
    both = f"select {columns} from in_files semi join {table} using ({keys})"
    changed = f"select {keys} from (({same}) except ({both}))"
    problems += _problem(con, "different", table, changed)
    twice = f"select {keys} from {table} group by {keys} having count(*) > 1"
    problems += _problem(con, "double", table, twice)
    con.execute("drop view in_files")
    con.unregister("file_rows")
    return problems


def _problem(con: duckdb.DuckDBPyConnection, what: str, table: str, sql: str) -> list[Problem]:
    count = int(con.execute(f"select count(*) from ({sql})").fetchall()[0][0])
    if not count:
        return []
    some = con.execute(f"{sql} limit {FEW}").fetchall()
    shown = "; ".join(", ".join(map(str, row)) for row in some)
    places = {"missing": "in the files only", "surplus": "in the database only"}
    detail = (
        f"{count} rows {places.get(what, '')}".rstrip() + f" ({', '.join(KEYS[table])}: {shown})"
    )
    return [Problem(what, table, detail)]


def rebuild(files: StoreFiles) -> IngestReport:
    """Rebuild the database from the files beside the old one, then replace it.

    When files that the old one had taken in are damaged or gone, it may be the last that has their
    rows: it is kept beside the new one, and the report says where.

    Raises:
        StoreBusy: another program holds the old one.
        OSError: the disk is full or refuses to be written; the old one stays.
    """
    fresh = Path(f"{files.database}.new")
    with ingest_lock(files, wait=True):
        for path in (fresh, Path(f"{fresh}.wal")):
            path.unlink(missing_ok=True)
        before = _manifest_before(files)
        try:
            with open_for_writing(_Beside(files.root, fresh)) as con:
                report = ingest_pending(con, files)
                _note_gone(con, files, before, report)
                con.execute("checkpoint")
        except BaseException:
            for path in (fresh, Path(f"{fresh}.wal")):
                path.unlink(missing_ok=True)
            raise
        Path(f"{files.database}.wal").unlink(missing_ok=True)
        if report.damaged.keys() & before.keys():
            kept = Path(f"{files.database}.before-{time.strftime('%Y%m%d-%H%M%S')}")
            files.database.rename(kept)
            report.kept = kept.name
        fresh.replace(files.database)
    return report


def _manifest_before(files: StoreFiles) -> dict[str, int]:
    """What the old database had ingested; raises StoreBusy if a program holds it."""
    if not files.database.exists():
        return {}
    try:
        with open_for_writing(files) as con:
            return manifest_of(con)
    except (duckdb.Error, NewerDatabase, StoreBroken):
        return {}  # too broken, or too new, to open: all the more reason to rebuild it


def _note_gone(
    con: duckdb.DuckDBPyConnection,
    files: StoreFiles,
    before: dict[str, int],
    report: IngestReport,
) -> None:
    """Name the files that were ingested once and are gone, though their run is there."""
    runs = {row[0] for row in con.execute("select run_id from run").fetchall()}
    for name in sorted(before.keys() - manifest_of(con).keys() - report.damaged.keys()):
        folder, _, rest = name.partition("/")
        if folder == "journal" or rest.partition("/")[0] in runs:
            report.damaged[name] = "the file was taken in and is gone"
    for part in parts.scan(files):
        # A spec is written again when its model has moved; all else only grows.
        shrunk = part.table != "run" and part.size < before.get(part.name, 0)
        if shrunk and part.name not in report.damaged:
            report.damaged[part.name] = (
                f"{before[part.name]} bytes were taken in, {part.size} are there"
            )


@dataclass(frozen=True, slots=True)
class _Beside(StoreFiles):
    """The store's files, with the database in another place."""

    place: Path

    @property
    def database(self) -> Path:
        return self.place
