"""Find and show samples.

Promises: a whole result is a list of ids (8 bytes each), found without touching texts; texts are
read for the ids on the screen. So a million samples can be paged and jumped about in, and what is
listed does not move while it is read.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import duckdb

Order = Literal["natural", "blind"]
ORDERS: dict[str, str] = {
    "natural": "experiment, model, arm, seed, step, question, paraphrase, variant, draw, sample_id",
    "blind": "blind_key, sample_id",
}
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
        text: Part of the completion, in any case.
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


def _where(criteria: Filter) -> tuple[str, list[Any]]:
    """The filter as SQL over `samples s`."""
    parts: list[str] = []
    values: list[Any] = []
    for name in SAME:
        value = getattr(criteria, name)
        if value is not None:
            parts.append(f"s.{name} = ?")
            values.append(value)
    if criteria.text is not None:
        parts.append("contains(lower(s.completion), lower(?))")
        values.append(criteria.text)
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


def sample_ids(
    con: duckdb.DuckDBPyConnection, criteria: Filter, order: Order = "natural"
) -> array[int]:
    """The ids of every sample that the filter lets through, in order."""
    where, values = _where(criteria)
    query = f"select sample_id from samples s{where} order by {ORDERS[order]}"
    return ids_of(con, query, values)


def ids_of(con: duckdb.DuckDBPyConnection, query: str, values: list[Any]) -> array[int]:
    """The ids that a query selects as `sample_id`, without a Python object for each."""
    table = con.sql(query, params=values).to_arrow_table()
    ids = array("q")
    for chunk in table["sample_id"].chunks:
        ids.frombytes(chunk.to_numpy().tobytes())
    return ids


def export_query(criteria: Filter) -> tuple[str, list[Any]]:
    """SQL and parameters of an export: the samples with their labels."""
    where, values = _where(criteria)
    return f"select s.* from samples_wide s{where} order by all", values


def count(con: duckdb.DuckDBPyConnection, criteria: Filter) -> int:
    """How many samples the filter lets through."""
    where, values = _where(criteria)
    return int(con.execute(f"select count(*) from samples s{where}", values).fetchall()[0][0])


def page(con: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> list[SampleRow]:
    """The rows of these ids, in this order; ids that are gone are left out."""
    if not ids:
        return []
    wanted = list(ids)
    rows = con.execute(
        f"select {COLUMNS} from samples where sample_id in (select unnest(?::bigint[]))", [wanted]
    ).fetchall()
    labels: dict[int, dict[str, str]] = {}
    for sample_id, judge, label in con.execute(
        "select sample_id, judge, label from grades where grader like 'rule:%' "
        "and label is not null and sample_id in (select unnest(?::bigint[])) order by judge",
        [wanted],
    ).fetchall():
        labels.setdefault(sample_id, {})[judge] = label
    by_id = {row[0]: _row(row, labels.get(row[0], {})) for row in rows}
    return [by_id[sample_id] for sample_id in wanted if sample_id in by_id]


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
        "and p.model = s.model and p.experiment = s.experiment where s.sample_id = ? limit 1",
        [sample_id],
    ).fetchall()
    if not more:
        return None
    logprob, draw_seed, sampling, engine, launch_id, created_at, messages, text = more[0]
    grades = con.execute(
        "select judge, grader, label, number, explanation, signals, created_at from grades "
        "where sample_id = ? order by grader, judge",
        [sample_id],
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


def facets(con: duckdb.DuckDBPyConnection, criteria: Filter) -> Facets:
    """How many samples each value has."""
    where, values = _where(criteria)
    con.execute(
        "create or replace temp table chosen as "
        f"select * exclude (completion, sampling) from samples s{where}",
        values,
    )

    def counts(column: str) -> Facet:
        return [
            (value, number)
            for value, number in con.execute(
                f"select {column}, count(*) from chosen group by 1 order by 1"
            ).fetchall()
        ]

    labels = con.execute(
        "select judge, label, count(*) from grades semi join chosen using (sample_id) "
        "where grader like 'rule:%' and label is not null group by all order by all"
    ).fetchall()
    return Facets(
        experiments=counts("experiment"),
        models=counts("model"),
        arms=counts("arm"),
        seeds=counts("seed"),
        steps=counts("step"),
        questions=counts("question"),
        variants=counts("variant"),
        labels=[(judge, label, number) for judge, label, number in labels],
    )
