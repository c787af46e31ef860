"""Aggregates that results are made of; each comes with its SQL, so that it can be traced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

COUNTED = ("runs", "prompts", "samples", "grades", "grades_all", "metrics")  # views
BY_BROKEN_RULE = "judge = 'broken' and grader = 'rule:broken'"
MADE = "s.finish_reason is distinct from 'refused'"  # not refused by a server
SAMPLES_AT_ONCE = 50_000  # are counted, so that what is held follows this, not the experiment
ROWS_AT_ONCE = 2048


def _counts(samples: str, grades: str, of_experiment: str) -> str:
    return f"""\
select s.experiment, s.model, s.arm, s.role, s.seed, s.run_id, s.step, s.question, s.variant,
       case when {MADE} then g.label end as label,
       count(*) as n, count(*) filter ({MADE} and b.label = 'broken') as broken,
       count(*) filter (not ({MADE})) as refused
from {samples} s
left join (select sample_id, label from {grades} where judge = $judge and grader = $grader) g
    using (sample_id)
left join (select sample_id, label from {grades} where {BY_BROKEN_RULE}) b
    using (sample_id)
{of_experiment}group by all
order by all"""


def _of_runs(view: str) -> str:
    return f"(from {view} where run_id in (select unnest($runs)))"


# What people see, and the same for some runs: it reads no other run's grades.
COUNTS = _counts("samples", "grades", "where s.experiment = $experiment\n")
COUNTS_OF_RUNS = _counts(_of_runs("samples"), _of_runs("grades"), "")
# In the order of COUNTS, so that its rows come in order when a few runs are counted at a time.
RUN_SIZES = """\
select run_id, count(*) as n
from samples
where experiment = $experiment
group by model, arm, role, seed, run_id
order by model, arm, role, seed, run_id"""


@dataclass(frozen=True, slots=True)
class Count:
    """How many samples of one run, checkpoint, question and variant have one label.

    Attributes:
        label: None for samples that the judge has not graded (or could not parse), and for draws
            that a server refused, whatever a judge said of their empty text.
        n: Samples.
        broken: Of these, those that the broken-answer rule found broken.
        refused: Of these, those that a server refused.
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
    refused: int = 0


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
    given = {"judge": judge, "grader": grader or f"rule:{judge}"}
    counted: list[Count] = []
    for runs in few_runs_at_a_time(con, experiment):
        rows = con.execute(COUNTS_OF_RUNS, {**given, "runs": runs})
        counted += [Count(*row) for row in sparing(rows)]
    return counted


def sparing(rows: duckdb.DuckDBPyConnection) -> Iterator[list[Any]]:
    """The rows of a query in which the same few texts come again and again: each is held once."""
    once: dict[Any, Any] = {}
    while some := rows.fetchmany(ROWS_AT_ONCE):
        for row in some:
            yield [once.setdefault(v, v) if isinstance(v, str) else v for v in row]


def few_runs_at_a_time(con: duckdb.DuckDBPyConnection, experiment: str) -> Iterator[list[str]]:
    """An experiment's runs in order, as many together as have `SAMPLES_AT_ONCE`; at least one."""
    runs: list[str] = []
    size = 0
    for run_id, n in con.execute(RUN_SIZES, {"experiment": experiment}).fetchall():
        if runs and size + n > SAMPLES_AT_ONCE:
            yield runs
            runs, size = [], 0
        runs.append(run_id)
        size += n
    if runs:
        yield runs


LONGEST_TEXTS = (
    "select run_id, max(prompt_tokens + tokens) from samples "
    "where experiment = ? and prompt_tokens + tokens is not null group by 1 order by 1"
)


def longest_texts(con: duckdb.DuckDBPyConnection, experiment: str) -> dict[str, int]:
    """The tokens of each run's longest prompt and answer together."""
    return dict(con.execute(LONGEST_TEXTS, [experiment]).fetchall())


def runs_of_other_definitions(
    con: duckdb.DuckDBPyConnection, experiment: str, definition_hash: str
) -> list[tuple[str, str, str, str]]:
    """Run, arm, training (JSON) and model of the runs that were planned by another definition."""
    rows = con.execute(
        "select run_id, arm, training::varchar, model from runs "
        "where experiment = ? and definition_hash <> ? order by 1",
        [experiment, definition_hash],
    )
    return [(run_id, arm, training, model) for run_id, arm, training, model in rows.fetchall()]


def drawn_wordings(
    con: duckdb.DuckDBPyConnection, run_ids: Sequence[str]
) -> dict[str, set[tuple[str, int, str]]]:
    """Question, wording and variant of all that each of these runs has draws of."""
    drawn: dict[str, set[tuple[str, int, str]]] = {}
    rows = con.execute(
        "select distinct run_id, question, paraphrase, variant from samples "
        "where run_id in (select unnest(?)) order by all",
        [list(run_ids)],
    )
    for run_id, *place in rows.fetchall():
        drawn.setdefault(run_id, set()).add(tuple(place))
    return drawn


def experiments(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Every experiment that has samples, with how many."""
    rows = con.execute("select experiment, count(*) from samples group by 1 order by 1")
    return [(name, number) for name, number in rows.fetchall()]


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


def labels_given(con: duckdb.DuckDBPyConnection, experiment: str, judge: str) -> list[str]:
    """Every label that a judge has given samples of an experiment."""
    rows = con.execute(
        "select distinct label from grades where judge = ? and label is not null "
        "and run_id in (select run_id from samples where experiment = ?) order by all",
        [judge, experiment],
    )
    return [label for (label,) in rows.fetchall()]


READOUT_MEANS = """\
select model, arm, role, seed, run_id, step, question, type, label, probability, mass, n
from readout_means
where experiment = $experiment
order by all"""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean probability of one label in one run, checkpoint and question.

    Attributes:
        mass: Mean of the probability of all labels together, as the model has it.
        n: Prompts that were read: wordings x variants x orders.
    """

    model: str
    arm: str
    role: str
    seed: int
    run_id: str
    step: int
    question: str
    type: str
    label: str
    probability: float
    mass: float
    n: int


def means(con: duckdb.DuckDBPyConnection, experiment: str) -> list[Mean]:
    """Every mean of an experiment."""
    rows = con.execute(READOUT_MEANS, {"experiment": experiment})
    return [Mean(*row) for row in sparing(rows)]
