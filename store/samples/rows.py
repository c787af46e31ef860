"""Samples of some ids, and everything about one.

Promises: some samples cost one pass over the column of ids, and none over texts or grades of other
runs: what runs they are of is asked first. Ids stand in the query as they are, which DuckDB hands
down to the scan (`in (select unnest(?))` it does not). No more rows are held than
returned.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import duckdb

from store.samples import notes
from store.samples.filters import BY_JUDGES, literals

COLUMNS = (
    "sample_id, run_id, experiment, model, arm, seed, step, question, paraphrase, variant, draw, "
    "completion, finish_reason, tokens"
)


TRANSCRIPT = (
    *("prompt", "reply", "probabilities", "mass", "finish_reason", "prompt_tokens", "tokens"),
    *("cost", "answered_as", "engine"),
)


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One line of a list of samples.

    Attributes:
        disputed: The judges whose models gave different labels; `labels` has the newest of these.
        tags: What people tagged it, in order; a bookmark is one of them.
        notes: Person -> what they wrote beside it.
    """

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
    numbers: dict[str, float] = field(default_factory=dict)
    disputed: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a judge that is a model was asked, and what it replied.

    Attributes:
        messages: The chat that it was shown.
        reply: What it said; None where probabilities were read.
        probabilities: Number or label -> probability, where these were read.
        mass: The model's own probability of all of them.
        cost: In the unit of the endpoint's prices.
        answered_as: The model and fingerprint that a server named.
    """

    messages: list[dict[str, str]]
    reply: str | None
    probabilities: dict[str, float]
    mass: float | None
    finish_reason: str | None
    prompt_tokens: int | None
    tokens: int | None
    cost: float | None
    answered_as: str | None
    engine: str | None


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
    transcript: Transcript | None = None


@dataclass(frozen=True, slots=True)
class SampleDetail:
    """Everything about one sample."""

    row: SampleRow
    messages: list[dict[str, str]]
    prompt_text: str
    reasoning: str
    logprob: float | None
    draw_seed: int | None
    sampling: dict[str, Any]
    engine: str
    launch_id: str
    created_at: datetime | None
    grades: list[GradeInfo]


class Verdicts(NamedTuple):
    """What judges said of some samples, each by its sample.

    Attributes:
        labels: Judge -> label, the newest.
        numbers: Judge -> number, the newest.
        disputed: The judges whose models gave different labels.
    """

    labels: dict[int, dict[str, str]]
    numbers: dict[int, dict[str, float]]
    disputed: dict[int, dict[str, None]]


def condition_of(con: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> str | None:
    """SQL for samples of these ids; None if all of them are gone."""
    if not ids:
        return None
    wanted = f"sample_id in ({literals(ids)})"
    runs = con.execute(f"select distinct run_id from samples where {wanted}").fetchall()
    # Of the other runs' blocks DuckDB reads nothing then; by ids alone it would read all texts.
    of_runs = f"run_id in ({literals(run_id for (run_id,) in runs)})"
    return f"{of_runs} and {wanted}" if runs else None


def verdicts_of(con: duckdb.DuckDBPyConnection, here: str) -> Verdicts:
    """What judges said of the samples that a condition in SQL lets through."""
    labels: dict[int, dict[str, str]] = {}
    numbers: dict[int, dict[str, float]] = {}
    disputed: dict[int, dict[str, None]] = {}
    for sample_id, judge, label, number in con.execute(
        f"select sample_id, judge, label, number from grades where {BY_JUDGES} "
        f"and {here} order by judge, created_at"
    ).fetchall():
        if label is not None:
            if labels.setdefault(sample_id, {}).get(judge, label) != label:
                disputed.setdefault(sample_id, {})[judge] = None
            labels[sample_id][judge] = label
        elif number is not None:
            numbers.setdefault(sample_id, {})[judge] = number
    return Verdicts(labels, numbers, disputed)


def page(con: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> list[SampleRow]:
    """The rows of these ids, in this order; ids that are gone are left out."""
    here = condition_of(con, ids)
    if here is None:
        return []
    rows = con.execute(f"select {COLUMNS} from samples where {here}").fetchall()
    labels, numbers, disputed = verdicts_of(con, here)
    tags = notes.tags_of(con, here)
    written = notes.notes_of(con, here)
    by_id = {
        row[0]: SampleRow(
            **dict(zip(COLUMNS.split(", "), row, strict=True)),
            broken=_is_broken(labels.get(row[0], {}).get("broken")),
            labels=labels.get(row[0], {}),
            numbers=numbers.get(row[0], {}),
            disputed=list(disputed.get(row[0], {})),
            tags=tags.get(row[0], []),
            notes=written.get(row[0], {}),
        )
        for row in rows
    }
    return [by_id[sample_id] for sample_id in ids if sample_id in by_id]


def _is_broken(label: str | None) -> bool | None:
    return None if label is None else label == "broken"


def tokens(
    con: duckdb.DuckDBPyConnection, sample_id: int
) -> tuple[str, list[int], list[float]] | None:
    """Run, drawn tokens and their log-probabilities; None where they were not asked for."""
    rows = con.execute(
        f"select run_id, token_ids, logprobs from tokens where sample_id = {sample_id:d}"
    ).fetchall()
    return rows[0] if rows and rows[0][1] and rows[0][2] else None


def detail(con: duckdb.DuckDBPyConnection, sample_id: int) -> SampleDetail | None:
    """Everything about one sample; None if there is no such one."""
    return next(iter(details(con, [sample_id])), None)


def details(con: duckdb.DuckDBPyConnection, ids: Sequence[int]) -> list[SampleDetail]:
    """Everything about some samples, in this order; ids that are gone are left out."""
    rows = page(con, ids)
    if not rows:
        return []
    runs = literals({row.run_id for row in rows})
    here = f"run_id in ({runs}) and sample_id in ({literals(row.sample_id for row in rows)})"
    more = con.execute(
        "select s.sample_id, s.logprob, s.draw_seed, s.sampling, s.engine, s.launch_id, "
        "s.created_at, p.messages, p.text, r.text "
        f"from (from samples where {here}) s left join prompts p "
        "on p.prompt_id = s.prompt_id and p.model = s.model and p.experiment = s.experiment "
        f"left join (from reasoning where {here}) r on r.sample_id = s.sample_id"
    ).fetchall()
    asked = con.execute(
        f"select verdict_id, {', '.join(TRANSCRIPT)} from verdicts where {here}"
    ).fetchall()
    transcripts = {verdict_id: _transcript(more) for verdict_id, *more in asked}
    grades: dict[int, list[GradeInfo]] = {}
    for sample_id, grade_id, *grade in con.execute(
        "select sample_id, grade_id, judge, grader, label, number, explanation, signals, "
        f"created_at from grades where {here} order by grader, judge"
    ).fetchall():
        grades.setdefault(sample_id, []).append(_grade(grade, transcripts.get(grade_id)))
    by_id = {row[0]: row[1:] for row in more}
    return [
        _detail(row, by_id[row.sample_id], grades.get(row.sample_id, []))
        for row in rows
        if row.sample_id in by_id
    ]


def _grade(values: Sequence[Any], transcript: Transcript | None) -> GradeInfo:
    judge, grader, label, number, why, signals, at = values
    said = json.loads(signals or "{}")
    return GradeInfo(judge, grader, label, number, why or "", said, at, transcript)


def _transcript(values: Sequence[Any]) -> Transcript:
    messages, reply, probabilities, *more = values
    read = json.loads(probabilities) if probabilities else {}
    return Transcript(json.loads(messages) if messages else [], reply, read, *more)


def _detail(row: SampleRow, more: Sequence[Any], grades: list[GradeInfo]) -> SampleDetail:
    logprob, draw_seed, sampling, engine, launch_id, created_at, messages, text, thoughts = more
    return SampleDetail(
        row=row,
        messages=json.loads(messages) if messages else [],
        prompt_text=text or "",
        reasoning=thoughts or "",
        logprob=logprob,
        draw_seed=draw_seed,
        sampling=json.loads(sampling) if sampling else {},
        engine=engine or "",
        launch_id=launch_id or "",
        created_at=created_at,
        grades=grades,
    )
