"""Compare the rows of the files with those of the database.

Promises: every row and every column is looked at; memory stays bounded whatever there is, since the
files are read a batch at a time and of what was seen only keys are kept, which go to a folder
beside the database when they are too many.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from store import newest, parts
from store.arrow import part_rows
from store.layout import StoreFiles
from store.samples import counts
from store.schema import KEYS, TABLES
from store.waiting import manifest_of

FEW = 3  # ids named in a problem
BATCH_BYTES = 64 << 20
RANKED_AT_ONCE = 500_000  # verdicts


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


def compare(con: duckdb.DuckDBPyConnection, files: StoreFiles, damaged: set[str]) -> list[Problem]:
    """What differs between the files and the database that a connection has as `home`.

    Args:
        con: A connection of one's own; tables are made in it.
        files: Where the files are.
        damaged: Names of files that are known to be unreadable.
    """
    listed = parts.scan(files)
    manifest = manifest_of(con, "home.main.ingested_part")
    problems = list(_sizes(manifest, listed))
    # What came since is not in the database yet, and no difference.
    sound = [
        replace(part, size=manifest[part.name]) if part.grows else part
        for part in listed
        if part.name in manifest and part.name not in damaged
    ]
    for table in TABLES:
        own = [part for part in sound if part.table == table]
        problems += _compare_table(con, files, table, own)
    return problems + _counting(con) + _counted(con)


def _sizes(manifest: Mapping[str, int], listed: Sequence[parts.Part]) -> Iterator[Problem]:
    """Files that are gone, or are not as long as when they were taken in."""
    there = {part.name: part for part in listed}
    for name, size in manifest.items():
        part = there.get(name)
        if part is None:
            yield Problem("missing", name, "the file was taken in and is gone")
        elif part.size < size or (part.size != size and not part.grows):
            detail = f"{size} bytes were taken in, {part.size} are there"
            yield Problem("different", name, detail)


def _compare_table(
    con: duckdb.DuckDBPyConnection, files: StoreFiles, table: str, sound: Sequence[parts.Part]
) -> list[Problem]:
    keys = ", ".join(KEYS[table])
    stored = f"home.main.{table}"
    problems: list[Problem] = []
    con.execute(
        f"create or replace temp table seen as select {keys}, 0::bigint as place, true as same "
        f"from {stored} limit 0"
    )
    for batch in part_rows.batches(files, sound, {}, lambda: BATCH_BYTES):
        problems += [Problem("damaged", name, why) for name, why in batch.damaged.items()]
        for rows in batch.tables.values():
            _see(con, table, rows)
    # A row that the files have twice, with other times, is as one of them says.
    for what, sql in (
        ("missing", f"select distinct {keys} from seen where place is null"),
        ("surplus", f"select {keys} from {stored} anti join seen using ({keys})"),
        (
            "different",
            f"select distinct {keys} from (from seen where not same) "
            "anti join (select place from seen where same) using (place)",
        ),
        ("double", f"select {keys} from {stored} group by {keys} having count(*) > 1"),
    ):
        problems += _problem(con, what, table, sql)
    con.execute("drop table seen")
    return problems


def _see(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Note for each row where the database has its key, and whether it is the same there."""
    keys = KEYS[table]
    on = " and ".join(f"mine.{key} = theirs.{key}" for key in keys)
    same = " and ".join(
        f"mine.{name} is not distinct from theirs.{name}" for name in TABLES[table].names
    )
    runs = "" if table == "prompt" else "where run_id in (select distinct run_id from file_rows)"
    con.register("file_rows", rows)
    con.execute(
        f"insert into seen select {', '.join(f'mine.{key}' for key in keys)}, theirs.place, "
        f"case when theirs.place is not null then {same} end from file_rows mine "
        f"left join (select *, rowid as place from home.main.{table} {runs}) theirs on {on}"
    )
    con.unregister("file_rows")


def _problem(
    con: duckdb.DuckDBPyConnection, what: str, table: str, sql: str, more: str = ""
) -> list[Problem]:
    count = int(con.execute(f"select count(*) from ({sql})").fetchall()[0][0])
    if not count:
        return []
    some = con.execute(f"{sql} limit {FEW}").fetchall()
    shown = "; ".join(", ".join(map(str, row)) for row in some)
    places = {"missing": "in the files only", "surplus": "in the database only"}
    detail = f"{count:,} {'row' if count == 1 else 'rows'} {places.get(what, more)}".rstrip()
    return [Problem(what, table, f"{detail} ({', '.join(KEYS[table])}: {shown})")]


def _counting(con: duckdb.DuckDBPyConnection) -> list[Problem]:
    """Verdicts of which the database says wrongly whether they count."""
    grade = "home.main.grade"
    ((rows,),) = con.execute(f"select count(*) from {grade}").fetchall()
    groups = 1 + rows // RANKED_AT_ONCE
    con.execute("create or replace temp table wrongly (grade_id bigint)")
    for group in range(groups):
        some = f"(from {grade} where abs(sample_id % {groups}) = {group})"
        con.execute(
            f"insert into wrongly select grade_id from {some} mine "
            f"join ({newest.ranked(some, grade)}) ranked using (grade_id) "
            "where mine.counts is distinct from ranked.counts"
        )
    return _problem(con, "different", "grade", "from wrongly", "that count, or do not")


def _counted(con: duckdb.DuckDBPyConnection) -> list[Problem]:
    """Counts of samples, by what they have, that are not what counting them gives."""
    ((rows,),) = con.execute("select count(*) from home.main.grade").fetchall()
    groups = 1 + rows // RANKED_AT_ONCE
    con.execute("create or replace temp table miscounted (run_id varchar, step bigint)")
    for group in range(groups):
        samples, grades, kept = (
            f"(from home.main.{table} where hash(run_id) % {groups} = {group})"
            for table in ("sample", "grade", counts.TABLES[0])
        )
        con.execute(
            f"insert into miscounted select run_id, step from "
            f"(select {counts.CELL}, labels, -n as n from {kept} union all "
            f"({counts.counted(samples, grades)})) group by {counts.CELL}, labels "
            "having sum(n) <> 0"
        )
    ((wrong,),) = con.execute("select count(*) from miscounted").fetchall()
    if not wrong:
        return []
    some = con.execute(f"select distinct * from miscounted order by all limit {FEW}").fetchall()
    shown = "; ".join(", ".join(map(str, row)) for row in some)
    detail = f"{wrong:,} counts are not what counting gives (run_id, step: {shown})"
    return [Problem("different", "sample_count", detail)]
