"""What is on disk and not in the database yet: which parts, and whether they are many.

Promises: no part is opened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

import duckdb

from store import parts
from store.layout import StoreFiles
from store.migrate import refuse_newer, version

FEW_PARTS = 64  # of a table are read into memory, if they are also
FEW_BYTES = 4 << 20  # small


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def manifest_of(con: duckdb.DuckDBPyConnection, table: str = "ingested_part") -> dict[str, int]:
    """Bytes ingested, by part name."""
    return dict(con.execute(f"select name, bytes from {table}").fetchall())


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is not ingested yet.

    Attributes:
        stored: The database's version; 0 where there is none.
        manifest: Bytes ingested, by part name.
        todo: The parts that wait, or wait to be read on.
    """

    stored: int
    manifest: dict[str, int]
    todo: list[parts.Part]

    @property
    def much(self) -> bool:
        """Whether it is more than each reader should read for itself."""
        return not all(few(some, self.manifest) for some in by_table(self.todo).values())


def waiting(con: duckdb.DuckDBPyConnection, files: StoreFiles) -> Waiting:
    """What waits beside the database that a connection attaches as `home`.

    Raises:
        NewerDatabase: a newer version made the database.
    """
    stored = version(con, "home")
    refuse_newer(stored)
    manifest = manifest_of(con, "home.main.ingested_part") if stored else {}
    return Waiting(stored, manifest, parts.pending(parts.scan(files, manifest), manifest))


def few(some: Collection[parts.Part], manifest: Mapping[str, int]) -> bool:
    """Whether parts are read into memory as quickly as anything is done."""
    size = sum(part.size - manifest.get(part.name, 0) for part in some)
    return len(some) <= FEW_PARTS and size <= FEW_BYTES


def by_table(todo: Iterable[parts.Part]) -> dict[str, list[parts.Part]]:
    """Parts by the table that they belong to."""
    ordered = sorted(todo, key=lambda part: part.table)
    return {table: list(some) for table, some in groupby(ordered, lambda part: part.table)}
