"""Grades by people: what to grade next, and how graders agree."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import duckdb

from store.samples.filters import BY_JUDGES, ids_of, literals


def blind_queue(
    con: duckdb.DuckDBPyConnection,
    experiment: str,
    *,
    arms: Sequence[str] = (),
    questions: Sequence[str] = (),
) -> array[int]:
    """The samples of an experiment in blind order: the same for every grader, telling nothing."""
    return ids_of(
        con,
        "select sample_id from samples where experiment = ? "
        "and (len(?::varchar[]) = 0 or arm in (select unnest(?::varchar[]))) "
        "and (len(?::varchar[]) = 0 or question in (select unnest(?::varchar[]))) "
        "order by blind_key, sample_id",
        [experiment, list(arms), list(arms), list(questions), list(questions)],
    )


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
    """Every label that counts of a judge (or of two that grade the same thing), for agreement.

    Returns:
        (sample id, grader, label).
    """
    rows = con.execute(
        "select g.sample_id, g.grader, g.label from grades g semi join "
        "(select sample_id from samples where experiment = ?) s using (sample_id) "
        "where g.judge in (?, ?) and g.label is not null order by all",
        [experiment, judge, other_judge or judge],
    )
    return [(sample_id, grader, label) for sample_id, grader, label in rows.fetchall()]


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
) -> list[tuple[object, ...]]:
    """The grades of an experiment by these graders (`GRADERS`).

    Returns:
        (sample id, judge, grader, label, number, explanation, seconds, created_at).
    """
    rows = con.execute(
        "select g.sample_id, g.judge, g.grader, g.label, g.number, g.explanation, g.seconds, "
        "g.created_at from grades g semi join "
        "(select sample_id from samples where experiment = ?) s using (sample_id) "
        f"where {GRADERS[graders]} and g.judge = coalesce(?, g.judge) order by all",
        [experiment, judge],
    )
    return [tuple(row) for row in rows.fetchall()]


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
