"""Which verdicts count: the newest of each sample, judge and grader, no undone one and no repeat.

Promises: `grade.counts` says so of every row, at the end of each transaction that adds or removes
some; whoever reads need not look at the others of a sample. What it costs follows the rows that
come, and the runs that they belong to.
"""

from __future__ import annotations

import duckdb

SLOT = "sample_id, judge, grader"  # of the verdicts in one slot, one counts
CHANGED = "changed_grade"
COLUMNS = f"grade_id, {SLOT}, retracts, repeat_of, created_at"


def ranked(verdicts: str, every: str) -> str:
    """SQL for grade_id and whether it counts.

    Args:
        verdicts: A relation that has all verdicts of its slots.
        every: One that has all verdicts there are: any of them may take back another.
    """
    return (
        f"select grade_id, valid and row_number() over (partition by {SLOT} "
        "order by valid desc, created_at desc, grade_id desc) = 1 as counts "
        f"from (select {COLUMNS}, retracts is null and repeat_of is null "
        "and grade_id not in "
        f"(select retracts from {every} where retracts is not null) as valid from {verdicts})"
    )


def simple(con: duckdb.DuckDBPyConnection, new: str, stored: str) -> bool:
    """Whether every row of `new`, none of which is in `stored`, counts and changes no other."""
    ((plain,),) = con.execute(
        f"select not exists (select 1 from {new} where retracts is not null "
        "  or repeat_of is not null) "
        f"and (select count(*) from (select distinct {SLOT} from {new})) "
        f"  = (select count(*) from {new}) "
        f"and not exists (select 1 from (select {SLOT} from {stored} "
        f"  where run_id in (select distinct run_id from {new})) semi join {new} using ({SLOT})) "
        f"and not exists (select 1 from {new} where grade_id in "
        f"  (select retracts from {stored} where retracts is not null))"
    ).fetchall()
    return bool(plain)


def _slots(touched: str, stored: str) -> str:
    """SQL for the slots that the verdicts of `touched` have a say in."""
    return (
        f"select distinct {SLOT} from {touched} union "
        f"select {SLOT} from {stored} where grade_id in "
        f"(select retracts from {touched} where retracts is not null)"
    )


def touched(new: str, stored: str) -> str:
    """SQL for sample_id and run_id of the stored verdicts that those of `new` have a say in."""
    return (
        f"select sample_id, run_id from {stored} semi join ({_slots(new, stored)}) using ({SLOT})"
    )


def settle(con: duckdb.DuckDBPyConnection, touched: str) -> None:
    """Say again which verdicts count in `grade`, where those of the relation `touched` matter."""
    con.execute(f"create or replace temp table slots as {_slots(touched, 'grade')}")
    again = ranked(f"(select {COLUMNS} from grade semi join slots using ({SLOT}))", "grade")
    con.execute(
        f"update grade set counts = again.counts from ({again}) again "
        "where grade.grade_id = again.grade_id and grade.counts is distinct from again.counts"
    )
    con.execute("drop table slots")


def lay_over(con: duckdb.DuckDBPyConnection) -> None:
    """Make a reader's `grade` of `stored_grade` and `new_grade`, with what counts in both.

    `CHANGED` then has those that come, and those that they have a say in.
    """
    if simple(con, "new_grade", "stored_grade"):
        new = "select *, true as counts from new_grade"
        con.execute(f"create view grade as from stored_grade union all by name ({new})")
        con.execute(f"create view {CHANGED} as from new_grade")
        return
    con.execute(
        "create view every_grade as select * exclude (counts) from stored_grade "
        "union all by name from new_grade"
    )
    con.execute(f"create table slots as {_slots('new_grade', 'stored_grade')}")
    again = ranked(
        f"(select {COLUMNS} from every_grade semi join slots using ({SLOT}))", "every_grade"
    )
    con.execute(
        f"create table settled_grade as select * from every_grade join ({again}) using (grade_id)"
    )
    con.execute(
        "create view grade as from stored_grade anti join settled_grade using (grade_id) "
        "union all by name from settled_grade"
    )
    con.execute(f"create view {CHANGED} as from settled_grade")
