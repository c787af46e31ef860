"""What is on disk and not in the database yet, or stands there in an older form, for one reader.

Promises: as `store.overlay` says. A few parts are read into memory. Many, which a reader could not
ingest (a stock client holds the database, the disk is full, there is no right to write), are left
where they are and read by the queries that need them, of their columns only; of them a reader
itself reads no more than the keys, to fold away rows that are there twice.
"""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from store import newest, parts
from store.arrow import part_rows
from store.layout import StoreFiles
from store.migrate import newest_version
from store.samples import counts
from store.schema import DERIVED, KEYS, STAMP, TABLES, in_parts
from store.waiting import Waiting, by_table, few, quoted

CHECKED_PARTS = 100_000  # of which a process remembers that they are sound


def lay_over(con: duckdb.DuckDBPyConnection, files: StoreFiles, rest: Waiting) -> None:
    """Make the base tables in a connection that attaches `home`."""
    stored, manifest, todo = rest.stored.version, rest.stored.manifest, rest.todo
    left = {
        table: sound
        for table, some in by_table(todo).items()
        if (sound := _left_in_place(files, table, some))
    }
    if left:
        listed = ", ".join(quoted(path) for paths in left.values() for path in paths)
        con.execute("set parquet_metadata_cache = true")
        con.execute(f"set allowed_paths = [{listed}]")  # for readers that close all else
    named = {path for paths in left.values() for path in paths}
    loaded = [part for part in todo if str(files.root / part.name) not in named]
    rows = part_rows.read(files, loaded, manifest).tables
    there = _tables_of(con, stored) if stored else {}
    for table, schema in TABLES.items():
        _lay_stored(con, table, there.get(table, set()))
        if table in left or table in rows:
            _lay_pending(con, table, rows.get(table, schema.empty_table()), left.get(table, []))
        else:
            con.execute(f"create view {table} as from stored_{table}")
    if stored in (0, newest_version()):
        touched = [
            f"select sample_id, run_id from {relation}"
            for table, relation in (("sample", "fresh_sample"), ("grade", newest.CHANGED))
            if table in left or table in rows
        ]
        counts.lay_over(con, " union ".join(touched), stored=stored > 0)


def _left_in_place(files: StoreFiles, table: str, some: list[parts.Part]) -> list[str]:
    """The paths of those Parquet parts that queries are to read themselves; none if they are few.

    A part that is damaged, or not quite of the columns, is not among them: reading it tells.
    DuckDB does not compare pages with their checksums, and would show what a rotten one holds.
    """
    if few(some, {}) or not some[0].name.endswith(".parquet"):
        return []

    def sound(path: str) -> bool:
        try:
            now = Path(path).stat()
            mark = (now.st_size, now.st_mtime_ns, now.st_ino)
            return stat.S_ISREG(now.st_mode) and _is_sound(path, table, mark)
        except OSError:  # the run was removed meanwhile
            return False

    paths = [str(files.root / part.name) for part in some]
    with ThreadPoolExecutor(part_rows.READERS) as pool:
        return [path for path, is_so in zip(paths, pool.map(sound, paths), strict=True) if is_so]


@lru_cache(maxsize=CHECKED_PARTS)
def _is_sound(path: str, table: str, _stamp: tuple[int, int, int]) -> bool:
    """Whether a part has the columns of this version and every page is what was written.

    Remembered while stat says the same of the file: a screen asks again and again, and a part is
    never written to.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as part:
            if not part.schema_arrow.remove_metadata().equals(in_parts(TABLES[table])):
                return False
            for group in range(part.num_row_groups):
                part.read_row_group(group, use_threads=False)
    except (pa.ArrowException, OSError):
        return False
    return True


def _tables_of(con: duckdb.DuckDBPyConnection, stored: int) -> dict[str, set[str]]:
    """The database's tables and their columns; an older version lacks some."""
    if stored == newest_version():
        return {t: {*TABLES[t].names, *DERIVED.get(t, pa.schema([])).names} for t in TABLES}
    columns: dict[str, set[str]] = {}
    for table, column in con.execute(
        "select table_name, column_name from duckdb_columns() where database_name = 'home'"
    ).fetchall():
        columns.setdefault(table, set()).add(column)
    return columns


def _lay_stored(con: duckdb.DuckDBPyConnection, table: str, columns: set[str]) -> None:
    """Make `stored_<table>`: what the database has, in the columns of this version."""
    derived = DERIVED.get(table, pa.schema([]))
    if not columns:
        everything = pa.schema([*TABLES[table], *derived]).empty_table()
        con.register("no_rows", everything)
        con.execute(f"create table stored_{table} as from no_rows")
        con.unregister("no_rows")
        return
    here = f"home.main.{table}"
    if not columns.issuperset(TABLES[table].names):  # until the next ingest migrates the database
        con.register("no_rows", TABLES[table].empty_table())
        con.execute(f"create table columns_of_{table} as from no_rows")
        con.unregister("no_rows")
        here = f"(from {here} union all by name from columns_of_{table})"
    if columns.issuperset(derived.names):
        con.execute(f"create view stored_{table} as from {here}")
    else:  # only `grade.counts`, likewise
        ranked = newest.ranked(here, here)
        con.execute(f"create view stored_grade as from {here} join ({ranked}) using (grade_id)")


def _lay_pending(
    con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table, paths: list[str]
) -> None:
    """Make `table`: what the database has, and what it lacks of `rows` and of the files."""
    keys = ", ".join(KEYS[table])
    con.register("read_rows", rows)
    con.execute(f"create table loaded_{table} as from read_rows")
    con.unregister("read_rows")
    con.execute(f"create view pending_{table} as {_pending(table, paths)}")
    narrowed = "" if table == "prompt" else f"where run_id in (select run_id from new_{table})"
    con.execute(f"create table new_{table} as select {_key_columns(table)} from pending_{table}")
    con.execute(
        f"create table again_{table} as "
        f"select {keys} from new_{table} group by all having count(*) > 1 union "
        f"select {keys} from (select {keys} from stored_{table} {narrowed}) "
        f"semi join new_{table} using ({keys})"
    )
    lacking = f"from pending_{table}"
    ((again,),) = con.execute(f"select count(*) from again_{table}").fetchall()
    if again:
        con.execute(
            f"create table folded_{table} as select distinct on ({keys}) * from pending_{table} "
            f"semi join again_{table} using ({keys}) anti join stored_{table} using ({keys})"
        )
        lacking = (
            f"from pending_{table} anti join again_{table} using ({keys}) "
            f"union all by name from folded_{table}"
        )
    con.execute(f"drop table new_{table}")
    if table == "grade":
        con.execute(f"create table new_grade as {lacking}")
        newest.lay_over(con)
    else:
        con.execute(f"create view fresh_{table} as {lacking}")
        con.execute(
            f"create view {table} as from stored_{table} union all by name from fresh_{table}"
        )


def _key_columns(table: str) -> str:
    names = dict.fromkeys((*KEYS[table], *(["run_id"] if table != "prompt" else [])))
    return ", ".join(names)


def _pending(table: str, paths: list[str]) -> str:
    """SQL for every row that waits."""
    if not paths:
        return f"from loaded_{table}"
    columns = ", ".join(
        f"{field.name} at time zone 'UTC' as {field.name}" if field.type == STAMP else field.name
        for field in TABLES[table]
    )
    listed = ", ".join(map(quoted, paths))
    return f"select {columns} from read_parquet([{listed}]) union all by name from loaded_{table}"
