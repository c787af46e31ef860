"""Grades by people: what to grade next, and how graders agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import duckdb

from store.samples.filters import BY_JUDGES, literals

UNGRADED = (
    "samples where experiment = ? and sample_id not in "
    "(select sample_id from grades where judge = ? and grader = ?)"
)


def blind_order(
    con: duckdb.DuckDBPyConnection, experiment: str, judge: str, grader: str, mask: int, most: int
) -> list[int]:
    """The first samples that a grader has not graded, in an order that tells nothing of them.

    Args:
        con: From `store.connect.read`.
        experiment: Slug.
        judge: Name of the rubric.
        grader: As in `grades`.
        mask: Names the order: 0 is that of the blind keys, others are as random.
        most: How many.
    """
    rows = con.execute(
        f"select sample_id from {UNGRADED} order by xor(blind_key, ?::ubigint), sample_id limit ?",
        [experiment, judge, grader, mask, most],
    ).fetchall()
    return [sample_id for (sample_id,) in rows]


@dataclass(frozen=True, slots=True)
class Cell:
    """The samples of an arm and a question that a grader has not graded.

    Attributes:
        n: How many.
        first: Of these the first, in blind order.
    """

    model: str
    arm: str
    question: str
    n: int
    first: list[int]


def ungraded(
    con: duckdb.DuckDBPyConnection, experiment: str, judge: str, grader: str, mask: int, most: int
) -> list[Cell]:
    """What a grader has not graded, by model, arm and question; arguments as of `blind_order`."""
    rows = con.execute(
        "select model, arm, question, count(*), "
        f"min_by(sample_id, xor(blind_key, ?::ubigint), {most:d}) "
        f"from {UNGRADED} group by all order by all",
        [mask, experiment, judge, grader],
    ).fetchall()
    return [Cell(*row) for row in rows]


def graded_by(
    con: duckdb.DuckDBPyConnection, experiment: str, judge: str, grader: str
) -> dict[int, int]:
    """What a grader has graded by a judge (or rubric): sample id -> grade id."""
    rows = con.execute(
        "select g.sample_id, g.grade_id from grades g semi join "
        "(select sample_id from samples where experiment = ?) s using (sample_id) "
        "where g.judge = ? and g.grader = ?",
        [experiment, judge, grader],
    ).fetchall()
    return dict(rows)


def pairs(
    con: duckdb.DuckDBPyConnection, experiment: str, judge: str, other_judge: str | None = None
) -> list[tuple[int, str, str]]:
    """The labels of samples that people graded, for agreement; what a rule said of others is not.

    Args:
        con: From `store.connect.read`.
        experiment: Slug.
        judge: The rubric that people graded by.
        other_judge: One that gives the same labels.

    Returns:
        (sample id, grader, label).
    """
    rows = con.execute(
        "select g.sample_id, g.grader, g.label from grades g semi join "
        "(select sample_id from samples where experiment = $experiment) s using (sample_id) "
        "where g.judge in ($judge, $other) and g.label is not null and g.sample_id in "
        "(select sample_id from grades where judge = $judge and grader like 'human:%') "
        "order by all",
        {"experiment": experiment, "judge": judge, "other": other_judge or judge},
    )
    return [(sample_id, grader, label) for sample_id, grader, label in rows.fetchall()]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A sample that a grader was shown twice, with both verdicts; a number is its text."""

    sample_id: int
    grade_id: int
    grader: str
    first: str
    second: str


def repeats(
    con: duckdb.DuckDBPyConnection, experiment: str, judge: str, grader: str | None = None
) -> list[Repeat]:
    """The verdicts that repeat one of the same grader, none of both undone; the newest of each."""
    rows = con.execute(
        "with said as (select *, coalesce(label, printf('%g', number)) as verdict from grades_all "
        "where judge = $judge and retracts is null and grade_id not in "
        "(select retracts from grades_all where retracts is not null)) "
        "select sample_id, second.grade_id, second.grader, first.verdict, second.verdict "
        "from said as second join said as first using (sample_id) semi join "
        "(select sample_id from samples where experiment = $experiment) s using (sample_id) "
        "where second.repeat_of = first.grade_id and second.grader = coalesce($grader, "
        "second.grader) and first.verdict is not null and second.verdict is not null "
        "qualify row_number() over (partition by second.repeat_of "
        "order by second.created_at desc, second.grade_id desc) = 1 order by all",
        {"judge": judge, "experiment": experiment, "grader": grader},
    ).fetchall()
    return [Repeat(*row) for row in rows]


AT_ONCE = 20_000  # samples of an export whose grades are put in order together
BATCH = 500  # grades
LAST = 2**63  # beyond every id
GRADERS = {
    "people": "g.grader like 'human:%'",
    "models": "g.grader like 'model:%'",
    "rules": "g.grader like 'rule:%'",
    "all": "true",
}


def export_rows(
    con: duckdb.DuckDBPyConnection,
    experiment: str,
    judge: str | None = None,
    graders: str = "people",
) -> Iterator[tuple[Any, ...]]:
    """The grades of an experiment by these graders (`GRADERS`), in the order of samples.

    Those of `AT_ONCE` samples are put in order at once, and some hundreds are held. It takes a pass
    over the graders, and one more for every `AT_ONCE` samples that these have graded.

    Yields:
        (sample id, judge, grader, label, number, explanation, seconds, created_at).
    """
    chosen = f"{GRADERS[graders]} and g.judge = coalesce($judge, g.judge)"
    starts = con.execute(
        "select sample_id from (select sample_id, row_number() over (order by sample_id) as place "
        f"from (select distinct g.sample_id from grades g where {chosen}) semi join "
        "(select sample_id from samples where experiment = $experiment) s using (sample_id)) "
        "where (place - 1) % $samples = 0 order by 1",
        {"experiment": experiment, "judge": judge, "samples": AT_ONCE},
    ).fetchall()
    firsts = [first for (first,) in starts]
    for first, after in pairwise([*firsts, LAST]):
        con.execute(
            "select g.sample_id, g.judge, g.grader, g.label, g.number, g.explanation, g.seconds, "
            "g.created_at from grades g semi join (select sample_id from samples "
            "where experiment = $experiment and sample_id between $first and $last) s "
            f"using (sample_id) where g.sample_id between $first and $last and {chosen} "
            "order by all",
            {"experiment": experiment, "first": first, "last": after - 1, "judge": judge},
        )
        while rows := con.fetchmany(BATCH):
            yield from rows


def grades_known(con: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> set[int]:
    """Of these grades, those that were ever given, undone ones too."""
    rows = con.execute(
        "select grade_id from grades_all where grade_id in (select unnest(?::bigint[]))",
        [list(ids)],
    ).fetchall()
    return {grade_id for (grade_id,) in rows}


def samples_known(con: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> dict[int, str]:
    """Of these samples, those that exist: sample id -> run id."""
    rows = con.execute(
        "select sample_id, run_id from samples where sample_id in (select unnest(?::bigint[]))",
        [list(ids)],
    ).fetchall()
    return dict(rows)


def beside_rule(
    con: duckdb.DuckDBPyConnection, experiment: str, judge: str, grader: str, rule: str | None
) -> list[tuple[int, str, str, str, str | None, str]]:
    """What a grader labelled, in the order of arms, with the label of a judge that is no person.

    Returns:
        (sample id, arm, question, the grader's label, the judge's, completion).
    """
    own = con.execute(
        "select sample_id, label from grades where judge = ? and grader = ? and label is not null",
        [judge, grader],
    ).fetchall()
    if not own:
        return []
    here = f"sample_id in ({literals(sample_id for sample_id, _ in own)})"
    given = con.execute(
        f"select sample_id, label from grades where {here} and judge = ? and {BY_JUDGES} "
        "and label is not null order by grader desc",
        [rule],
    ).fetchall()
    mine, theirs = dict(own), dict(given)
    rows = con.execute(
        f"select sample_id, arm, question, completion from samples where {here} and experiment = ? "
        "order by arm, question, sample_id",
        [experiment],
    ).fetchall()
    return [
        (sample_id, arm, question, mine[sample_id], theirs.get(sample_id), completion)
        for sample_id, arm, question, completion in rows
    ]
