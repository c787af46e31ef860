"""Compare the database with the files, and rebuild it from them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from store import parts
from store.compare import Problem, compare
from store.database.opening import StoreBroken, attached, open_for_writing
from store.ingest import IngestReport, ingest_in_turns, ingest_lock, ingest_pending
from store.layout import StoreFiles
from store.migrate import NewerDatabase
from store.waiting import manifest_of


def verify(files: StoreFiles) -> list[Problem]:
    """Ingest what is new, then compare every row of the files with the database.

    Others can read meanwhile, and workers write; who wants to ingest leaves it for later.

    Returns:
        What differs; empty if all is well.

    Raises:
        StoreBusy: another program holds the database.
    """
    try:
        with ingest_lock(files, wait=True):
            report = ingest_in_turns(files)
            problems = [Problem("damaged", name, why) for name, why in report.damaged.items()]
            with attached(files) as con:
                return problems + compare(con, files, set(report.damaged))
    except StoreBroken as error:
        return [Problem("damaged", files.database.name, str(error))]


def rebuild(files: StoreFiles) -> IngestReport:
    """Rebuild the database from the files beside the old one, then replace it.

    When files that the old one had taken in are damaged or gone, it may be the last that has their
    rows: it is kept beside the new one, and the report says where.

    Raises:
        StoreBusy: another program writes to the old one.
        OSError: the disk is full or refuses to be written; the old one stays.
    """
    fresh = Path(f"{files.database}.new")
    with ingest_lock(files, wait=True):
        for path in (fresh, Path(f"{fresh}.wal")):
            path.unlink(missing_ok=True)
        before = _manifest_before(files)
        try:
            with open_for_writing(_Beside(files.root, fresh), shared=False) as con:
                report = ingest_pending(con, files)
                _note_gone(con, files, before, report)
                con.execute("checkpoint")
        except BaseException:
            for path in (fresh, Path(f"{fresh}.wal")):
                path.unlink(missing_ok=True)
            raise
        before_it = f"before-{time.strftime('%Y%m%d-%H%M%S')}"
        for odd in (files.database, Path(f"{files.database}.wal")):
            if odd.is_dir():  # whoever made it may want what is in it
                odd.rename(f"{odd}.{before_it}")
        Path(f"{files.database}.wal").unlink(missing_ok=True)
        if report.damaged.keys() & before.keys():
            kept = Path(f"{files.database}.{before_it}")
            files.database.rename(kept)
            report.kept = kept.name
        fresh.replace(files.database)
    return report


def _manifest_before(files: StoreFiles) -> dict[str, int]:
    """What the old database had ingested; raises StoreBusy if a program writes to it."""
    if not files.database.exists():
        return {}
    try:
        with attached(files) as con:
            return manifest_of(con, "home.main.ingested_part")
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
