"""The derived database: compare it with the files, rebuild it, describe it."""

from __future__ import annotations

from dataclasses import dataclass

from store.compare import Problem
from store.ingest import IngestReport
from store.queries import counts_by_view
from store.verify import rebuild as rebuild_files
from store.verify import verify as verify_files
from wgen_tui.paths import Home
from wgen_tui.services.data.database import files_of, reading, store_errors


@dataclass(frozen=True, slots=True)
class Info:
    """What the database of a home holds.

    Attributes:
        bytes: The size of its file; 0 if there is none yet.
        rows: Rows by view, those not ingested yet included.
    """

    bytes: int
    rows: dict[str, int]


def verify(home: Home) -> list[Problem]:
    """Ingest what is new, then compare every row with the files.

    Raises:
        BusyError: another program holds the database.
    """
    if not home.root.exists():
        return []
    with store_errors():
        return verify_files(files_of(home))


def of_a_file(problem: Problem) -> bool:
    """Whether a problem is one of a file that the database is made from."""
    return problem.where.startswith(("runs/", "journal/"))


def rebuild(home: Home) -> IngestReport:
    """Rebuild the database from the files.

    Raises:
        BusyError: another program holds the database.
    """
    home.ensure()
    with store_errors():
        return rebuild_files(files_of(home))


def info(home: Home) -> Info:
    """Count what is there.

    Raises:
        BusyError: another program holds the database.
    """
    there = home.database.exists()
    with reading(home) as con:
        rows = counts_by_view(con)
    return Info(bytes=home.database.stat().st_size if there else 0, rows=rows)
