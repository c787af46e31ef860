"""What is on disk and not in the database yet: which parts, and whether they are many.

Promises: no part is opened, and a process reads of a database that did not change since only what
`stat` says.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import duckdb

from store import parts
from store.layout import StoreFiles
from store.migrate import is_current, refuse_newer, version

FEW_PARTS = 64  # of a table are read into memory, if they are also
FEW_BYTES = 4 << 20  # small


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def manifest_of(con: duckdb.DuckDBPyConnection, table: str = "ingested_part") -> dict[str, int]:
    """Bytes ingested, by part name."""
    return dict(con.execute(f"select name, bytes from {table}").fetchall())


Mark = tuple[int, int, int]  # bytes, time of the last change in ns, inode


@dataclass(frozen=True, slots=True)
class Stored:
    """What a database says of itself.

    Attributes:
        version: 0 where there is none.
        own_views: Whether its views are those of this program.
        manifest: Bytes ingested, by part name; many readers share it.
    """

    version: int
    own_views: bool
    manifest: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is not ingested yet.

    Attributes:
        stored: The database that it would go to.
        todo: The parts that wait, or wait to be read on.
    """

    stored: Stored
    todo: list[parts.Part]

    @property
    def much(self) -> bool:
        """Whether it is more than each reader should read for itself."""
        tables = by_table(self.todo).values()
        return not all(few(some, self.stored.manifest) for some in tables)


_stored: dict[Path, tuple[Mark, Stored]] = {}  # by database


def mark(database: Path) -> Mark | None:
    """What stat says of a database file; None where a log beside it may say more.

    Ask before opening: who writes between the two makes it a mark that no file has any more.
    """
    try:
        now = database.stat()
        if Path(f"{database}.wal").exists():
            return None
    except OSError:
        return None
    return now.st_size, now.st_mtime_ns, now.st_ino


def waiting(con: duckdb.DuckDBPyConnection, files: StoreFiles, before: Mark | None) -> Waiting:
    """What waits beside the database that a connection attaches as `home`.

    Args:
        con: The connection.
        files: Where everything is.
        before: The `mark` of the database before it was opened; what a process has read of a
            database with the same mark it need not read again.

    Raises:
        NewerDatabase: a newer version made the database.
    """
    known = _stored.get(files.database)
    if known is not None and known[0] == before:
        stored = known[1]
    else:
        stored = _read_stored(con)
        if before is not None and time.time_ns() - before[1] > parts.SETTLED_NS:
            _stored[files.database] = before, stored
    return Waiting(stored, parts.pending(parts.scan(files, stored.manifest), stored.manifest))


def seen_by_stat(files: StoreFiles) -> object:
    """What stat says of all that samples and grades come from.

    Equal while a reader would see no others: of the database, and of what waits beside it.
    """
    now = mark(files.database)
    if now is None and files.database.exists():
        return object()  # a log beside it, which may grow: never equal
    known = _stored.get(files.database)
    ingested = known[1].manifest if known is not None and known[0] == now else {}
    beside = [
        (part.name, part.size)
        for part in parts.scan(files, ingested)
        if part.table in ("sample", "grade", "note")
    ]
    return now, beside


def _read_stored(con: duckdb.DuckDBPyConnection) -> Stored:
    number = version(con, "home")
    refuse_newer(number)
    if not number:
        return Stored(0, False, {})
    manifest = manifest_of(con, "home.main.ingested_part")
    return Stored(number, is_current(con), manifest)


def few(some: Collection[parts.Part], manifest: Mapping[str, int]) -> bool:
    """Whether parts are read into memory as quickly as anything is done."""
    size = sum(part.size - manifest.get(part.name, 0) for part in some)
    return len(some) <= FEW_PARTS and size <= FEW_BYTES


def by_table(todo: Iterable[parts.Part]) -> dict[str, list[parts.Part]]:
    """Parts by the table that they belong to."""
    ordered = sorted(todo, key=lambda part: part.table)
    return {table: list(some) for table, some in groupby(ordered, lambda part: part.table)}
