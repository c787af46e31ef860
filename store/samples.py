"""Samples: by which filter, those of some ids, everything about one, and how many have what.

Promises: some samples cost one pass over the column of ids, without texts or grades of others: ids
stand in the query as they are, which DuckDB hands down to the scan (`in (select unnest(?))` it does
not). Nothing here holds more rows than it returns.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb

from store import search

COLUMNS = (
    "sample_id, run_id, experiment, model, arm, seed, step, question, paraphrase, variant, draw, "
    "completion, finish_reason, tokens"
)
SAME = ("experiment", "run_id", "model", "arm", "seed", "step", "question", "variant")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which samples; None leaves a field open.

    Attributes:
        label: Judge and label that a rule gave.
        graded_by: Only samples that this grader has graded, such as `human:ada`.
        text: What the completion has, in the words of `store.search`.
    """

    experiment: str | None = None
    run_id: str | None = None
    model: str | None = None
    arm: str | None = None
    seed: int | None = None
    step: int | None = None
    question: str | None = None
    variant: str | None = None
    label: tuple[str, str] | None = None
    graded_by: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One line of a list of samples."""

    sample_id: int
    run_id: str
    experiment: str
    model: str
    arm: str
    seed: int
    step: int
    question: str
    paraphrase: int
    variant: str
    draw: int
    completion: str
    finish_reason: str | None
    tokens: int | None
    broken: bool | None = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GradeInfo:
    """One verdict on a sample that counts."""

    judge: str
    grader: str
    label: str | None
    number: float | None
    explanation: str
    signals: dict[str, Any]
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class SampleDetail:
    """Everything about one sample."""

    row: SampleRow
    messages: list[dict[str, str]]
    prompt_text: str
    logprob: float | None
    draw_seed: int | None
    sampling: dict[str, Any]
    engine: str
    launch_id: str
    created_at: datetime | None
    grades: list[GradeInfo]


Facet = list[tuple[Any, int]]


@dataclass(frozen=True, slots=True)
class Facets:
    """How many samples each value has, of those that the filter lets through."""

    experiments: Facet
    models: Facet
    arms: Facet
    seeds: Facet
    steps: Facet
    questions: Facet
    variants: Facet
    labels: list[tuple[str, str, int]]


def where(criteria: Filter, also: str = "") -> tuple[str, list[Any]]:
    """The filter as SQL over `samples s`, with its parameters.

    Args:
        criteria: The filter.
        also: A further condition, without parameters; it stands first.

    Raises:
        search.BadPattern: a regular expression in `text` cannot be read.
    """
    parts: list[str] = [also] if also else []
    values: list[Any] = []
    for name in SAME:
        value = getattr(criteria, name)
        if value is not None:
            parts.append(f"s.{name} = ?")
            values.append(value)
    if criteria.text is not None and criteria.text.strip():
        condition, texts = search.condition(criteria.text, "s.completion")
        parts.append(condition)
        values += texts
    if criteria.label is not None:
        parts.append(
            "s.sample_id in (select sample_id from grades where judge = ? and label = ? "
            "and grader like 'rule:%')"
        )
        values += criteria.label
    if criteria.graded_by is not None:
        parts.append("s.sample_id in (select sample_id from grades where grader = ?)")
        values.append(criteria.graded_by)
    return (" where " + " and ".join(parts) if parts else ""), values


def literals(values: Iterable[Any]) -> str:
    """Numbers and texts as SQL has them, with commas between."""
    return ", ".join(
        str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
        for value in values
    )


def ids_of(con: duckdb.DuckDBPyConnection, query: str, values: list[Any]) -> array[int]:
    """The ids that a query selects as `sample_id`, without a Python object for each."""
    table = con.sql(query, params=values).to_arrow_table()
    ids = array("q")
    for chunk in table["sample_id"].chunks:
        ids.frombytes(chunk.to_numpy().tobytes())
    return ids


def page(con: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> list[SampleRow]:
    """The rows of these ids, in this order; ids that are gone are left out."""
    if not ids:
        return []
    wanted = literals(ids)
    rows = con.execute(f"select {COLUMNS} from samples where sample_id in ({wanted})").fetchall()
    labels: dict[int, dict[str, str]] = {}
    for sample_id, judge, label in con.execute(
        "select sample_id, judge, label from grades where grader like 'rule:%' "
        f"and label is not null and sample_id in ({wanted}) order by judge"
    ).fetchall():
        labels.setdefault(sample_id, {})[judge] = label
    by_id = {row[0]: _row(row, labels.get(row[0], {})) for row in rows}
    return [by_id[sample_id] for sample_id in ids if sample_id in by_id]


def _row(row: Sequence[Any], labels: dict[str, str]) -> SampleRow:
    broken = labels.get("broken")
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    return SampleRow(**values, broken=None if broken is None else broken == "broken", labels=labels)


def detail(con: duckdb.DuckDBPyConnection, sample_id: int) -> SampleDetail | None:
    """Everything about one sample; None if there is no such one."""
    rows = page(con, [sample_id])
    if not rows:
        return None
    more = con.execute(
        "select s.logprob, s.draw_seed, s.sampling, s.engine, s.launch_id, s.created_at, "
        "p.messages, p.text from samples s left join prompts p on p.prompt_id = s.prompt_id "
        "and p.model = s.model and p.experiment = s.experiment "
        f"where s.sample_id = {int(sample_id)} limit 1"
    ).fetchall()
    if not more:
        return None
    logprob, draw_seed, sampling, engine, launch_id, created_at, messages, text = more[0]
    grades = con.execute(
        "select judge, grader, label, number, explanation, signals, created_at from grades "
        f"where sample_id = {int(sample_id)} order by grader, judge"
    ).fetchall()
    return SampleDetail(
        row=rows[0],
        messages=json.loads(messages) if messages else [],
        prompt_text=text or "",
        logprob=logprob,
        draw_seed=draw_seed,
        sampling=json.loads(sampling) if sampling else {},
        engine=engine or "",
        launch_id=launch_id or "",
        created_at=created_at,
        grades=[
            GradeInfo(judge, grader, label, number, why or "", json.loads(signals or "{}"), at)
            for judge, grader, label, number, why, signals, at in grades
        ],
    )


FACETS = ("experiment", "model", "arm", "seed", "step", "question", "variant")


def facets(con: duckdb.DuckDBPyConnection, criteria: Filter) -> Facets:
    """How many samples each value has: counted by all columns at once, then summed for each."""
    condition, values = where(criteria)
    columns = ", ".join(FACETS)
    con.execute(f"select {columns}, count(*) from samples s{condition} group by all", values)
    sums: list[dict[Any, int]] = [{} for _ in FACETS]
    while batch := con.fetchmany(10_000):
        for *row, number in batch:
            for counts, value in zip(sums, row, strict=True):
                counts[value] = counts.get(value, 0) + number
    among = f"and sample_id in (select sample_id from samples s{condition})" if condition else ""
    labels = con.execute(
        "select judge, label, count(*) from grades "
        f"where grader like 'rule:%' and label is not null {among} group by all order by all",
        values,
    ).fetchall()
    experiments, models, arms, seeds, steps, questions, variants = (
        sorted(counts.items()) for counts in sums
    )
    return Facets(
        experiments=experiments,
        models=models,
        arms=arms,
        seeds=seeds,
        steps=steps,
        questions=questions,
        variants=variants,
        labels=[(judge, label, number) for judge, label, number in labels],
    )
