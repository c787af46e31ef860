"""How many samples have which values and labels together, kept by whoever takes rows in.

Promises: `sample_count` says so at the end of each transaction that adds or removes samples or
verdicts, and `label_set` which verdicts a set of labels is of. What it costs follows the rows that
come and the runs that they belong to; who reads it reads no sample and no grade. A verdict counts
for a sample of its own run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from store.samples.filters import BY_JUDGES

TABLES = ("sample_count", "label_set")
CELL = "run_id, experiment, model, arm, seed, step, question, variant"
# Whose verdicts a set of labels has: those that filters and counts ask for.
GRADERS = f"(grader like 'human:%' or {BY_JUDGES})"
SET = (  # of verdicts; it does not matter in which order they came
    "bit_xor(md5_number_lower("
    "concat(judge, chr(31), grader, chr(31), coalesce(label, chr(30))))) as labels"
)
OF_TOUCHED = "run_id in (select run_id from {touched})"


def _labelled(grades: str, touched: str | None) -> str:
    """SQL for the samples that have verdicts which count, each with the set of them."""
    some = f" semi join {touched} using (sample_id, run_id)" if touched else ""
    of_runs = f" and {OF_TOUCHED.format(touched=touched)}" if touched else ""
    return (
        f"select sample_id, run_id, {SET} from (select sample_id, run_id, judge, grader, label "
        f"from {grades} where counts and {GRADERS}{of_runs}){some} group by sample_id, run_id"
    )


def counted(samples: str, grades: str, touched: str | None = None, sign: int = 1) -> str:
    """SQL for the rows of `sample_count`.

    Args:
        samples: The relation of all samples.
        grades: That of all verdicts.
        touched: A relation of the (sample_id, run_id) that are counted; of all when None.
        sign: -1 takes them away.
    """
    rows = f"select sample_id, {CELL} from {samples}"
    if touched:
        rows = (
            f"select * from ({rows} where {OF_TOUCHED.format(touched=touched)}) "
            f"semi join {touched} using (sample_id, run_id)"
        )
    return (
        f"select {CELL}, coalesce(labels, 0)::ubigint as labels, ({sign} * count(*))::bigint as n "
        f"from ({rows}) left join ({_labelled(grades, touched)}) using (sample_id, run_id) "
        "group by all"
    )


def sets(grades: str, touched: str | None = None) -> str:
    """SQL for the rows of `label_set` that the verdicts of these samples need."""
    of_runs = f" and {OF_TOUCHED.format(touched=touched)}" if touched else ""
    return (
        "select labels, judge, grader, label from "
        "(select labels, min((sample_id, run_id)) as one from "
        f"({_labelled(grades, touched)}) group by labels) "
        f"join (from {grades} where counts and {GRADERS}{of_runs}) verdict "
        "on verdict.sample_id = one[1] and verdict.run_id = one[2]"
    )


@contextmanager
def moving(con: duckdb.DuckDBPyConnection, touched: str, *, fresh: bool = False) -> Iterator[None]:
    """Count samples anew that are changed inside, in the transaction that changes them.

    Args:
        con: The database.
        touched: SQL for the sample_id and run_id of all that may change.
        fresh: Whether none of these samples is there before.
    """
    con.execute(f"create or replace temp table touched as select distinct * from ({touched})")
    before = "limit 0" if fresh else ""
    con.execute(
        f"create or replace temp table moved as from ({counted('sample', 'grade', 'touched', -1)}) "
        f"{before}"
    )
    yield
    con.execute(f"insert into moved {counted('sample', 'grade', 'touched')}")
    con.execute(
        f"insert into label_set select * from ({sets('grade', 'touched')}) "
        "where labels not in (select labels from label_set)"
    )
    con.execute(
        f"merge into sample_count using (select {CELL}, labels, sum(n)::bigint as n from moved "
        f"group by all having sum(n) <> 0) moved using ({CELL}, labels) "
        "when matched then update set n = sample_count.n + moved.n when not matched then insert"
    )
    con.execute("delete from sample_count where n = 0 and run_id in (select run_id from touched)")
    con.execute("drop table moved")
    con.execute("drop table touched")


def lay_over(con: duckdb.DuckDBPyConnection, touched: str, *, stored: bool) -> None:
    """Make a reader's `sample_count` and `label_set` of the database's and what waits.

    Args:
        con: It has `stored_sample` and `stored_grade`, and `sample` and `grade` with what waits.
        touched: SQL for the sample_id and run_id of all that waits or is changed by it, if any.
        stored: Whether there is a database; else all waits.
    """
    then = dict.fromkeys(TABLES, "from home.main.{}")
    if not stored:
        every = ("stored_sample", "stored_grade")
        then = dict(zip(TABLES, (counted(*every), sets("stored_grade")), strict=True))
    count, labels = (f"create view {t} as ({then[t].format(t)})" for t in TABLES)
    if touched:
        con.execute(f"create view touched as {touched}")
        count += f" union all ({counted('stored_sample', 'stored_grade', 'touched', -1)})"
        count += f" union all ({counted('sample', 'grade', 'touched')})"
        labels += f" union ({sets('grade', 'touched')})"
    con.execute(count)
    con.execute(labels)


def are_kept(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether a reader has them: not of a database of an older version, until that is migrated."""
    try:
        con.execute("select 1 from sample_count limit 0")
    except duckdb.CatalogException:
        return False
    return True
