"""Aggregates that results are made of; each comes with its SQL, so that it can be traced."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

COUNTED = ("runs", "prompts", "samples", "grades", "grades_all", "metrics")  # views
COUNTS = """\
select s.experiment, s.model, s.arm, s.role, s.seed, s.run_id, s.step, s.question, s.variant,
       g.label, count(*) as n, count(*) filter (b.label = 'broken') as broken
from samples s
left join (select sample_id, label from grades where judge = $judge and grader = $grader) g
    using (sample_id)
left join (select sample_id, label from grades where judge = 'broken' and grader = 'rule:broken') b
    using (sample_id)
where s.experiment = $experiment
group by all
order by all"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many samples of one run, checkpoint, question and variant have one label.

    Attributes:
        label: None for samples that the judge has not graded (or could not parse).
        n: Samples.
        broken: Of these, those that the broken-answer rule found broken.
    """

    experiment: str
    model: str
    arm: str
    role: str
    seed: int
    run_id: str
    step: int
    question: str
    variant: str
    label: str | None
    n: int
    broken: int


def counts(
    con: duckdb.DuckDBPyConnection, experiment: str, judge: str, grader: str | None = None
) -> list[Count]:
    """Samples by label, for every run, checkpoint, question and variant of an experiment.

    Args:
        con: From `store.connect.read`.
        experiment: Its slug.
        judge: Whose labels.
        grader: Who gave them; the rule of that name when None.
    """
    rows = con.execute(
        COUNTS, {"experiment": experiment, "judge": judge, "grader": grader or f"rule:{judge}"}
    ).fetchall()
    return [Count(*row) for row in rows]


def experiments(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Every experiment that has samples, with how many."""
    rows = con.execute("select experiment, count(*) from samples group by 1 order by 1")
    return [(name, number) for name, number in rows.fetchall()]


def sizes(con: duckdb.DuckDBPyConnection, experiment: str) -> tuple[int, int]:
    """How many samples and read-outs an experiment has, and verdicts ever given on the samples."""
    samples, grades = con.execute(
        "select (select count(*) from samples where experiment = $experiment), "
        "(select count(*) from grades_all "
        "where run_id in (select run_id from samples where experiment = $experiment))",
        {"experiment": experiment},
    ).fetchall()[0]
    read = con.execute(
        "select count(*) from readouts where experiment = ?", [experiment]
    ).fetchall()
    return samples + read[0][0], grades


def definition_hashes(con: duckdb.DuckDBPyConnection, experiment: str) -> list[str]:
    """The versions of the definition that an experiment's runs come from."""
    rows = con.execute(
        "select distinct definition_hash from runs "
        "where experiment = ? and definition_hash is not null order by 1",
        [experiment],
    )
    return [version for (version,) in rows.fetchall()]


def counts_by_view(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many rows the views over the base tables have."""
    rows = {name: con.execute(f"select count(*) from {name}").fetchall() for name in COUNTED}
    return {name: int(counts[0][0]) for name, counts in rows.items()}


def judges(con: duckdb.DuckDBPyConnection, experiment: str) -> list[tuple[str, str]]:
    """Every (judge, grader) that has graded samples of an experiment."""
    rows = con.execute(
        "select distinct judge, grader from grades "
        "where run_id in (select run_id from samples where experiment = ?) order by all",
        [experiment],
    )
    return [(judge, grader) for judge, grader in rows.fetchall()]
