"""Which samples: a filter, and what it is as SQL."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from store.samples import text_filter
from store.samples.behind import Behind

IDS_AT_ONCE = 10_000
# Whose verdicts say what a sample is: a judge's first, not its further wordings and repeats.
BY_JUDGES = (
    "(grader like 'rule:%' or (grader like 'model:%' and not (grader like '%)' "
    "and regexp_matches(grader, ' [(](wording|repeat) [0-9]+[)]$'))))"
)
BOUNDS = ("<", "<=", ">", ">=")
SAME = ("experiment", "run_id", "model", "arm", "seed", "step", "question", "variant")


Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which samples; None leaves a field open, a tuple of values lets through each of them.

    Attributes:
        label: Judge and label that a rule or a model gave, or several such pairs: one of each
            judge's has to hold.
        numbers: Judge, one of `BOUNDS`, and what its number is compared with; all have to hold.
        graded_by: Only samples that this grader has graded, such as `human:ada`.
        tag: What people tagged it; of several, any.
        note: Words that stand in a note beside it.
        text: What the completion has, in the words of `store.samples.text_filter`.
        behind: Only the samples that a number of results is made of.
        completion: The whole completion, as it stands.
        ids: Only these.
    """

    experiment: str | tuple[str, ...] | None = None
    run_id: str | tuple[str, ...] | None = None
    model: str | tuple[str, ...] | None = None
    arm: str | tuple[str, ...] | None = None
    seed: int | tuple[int, ...] | None = None
    step: int | tuple[int, ...] | None = None
    question: str | tuple[str, ...] | None = None
    variant: str | tuple[str, ...] | None = None
    label: Pair | tuple[Pair, ...] | None = None
    numbers: tuple[tuple[str, str, float], ...] | None = None
    graded_by: str | None = None
    tag: str | tuple[str, ...] | None = None
    note: str | None = None
    text: str | None = None
    behind: Behind | None = None
    completion: str | None = None
    ids: tuple[int, ...] | None = None

    @property
    def reads_texts(self) -> bool:
        """Whether what it lets through is told by completions."""
        return bool((self.text or "").strip()) or self.completion is not None

    @property
    def counted(self) -> bool:
        """Whether it asks for nothing but what `sample_count` tells apart."""
        given = (self.numbers or None, self.tag, self.behind, self.completion, self.ids)
        texts = (self.text or "") + (self.note or "")
        people = self.graded_by is None or self.graded_by.startswith(("human:", "rule:"))
        return people and not texts.strip() and all(value is None for value in given)

    @property
    def scans(self) -> bool:
        """Whether to count what it lets through takes a pass over all texts or grades."""
        given = (self.label, self.numbers or None, self.graded_by, self.behind)
        return self.reads_texts or any(value is not None for value in given)


def pairs(label: Pair | tuple[Pair, ...] | None) -> list[Pair]:
    """The judges and labels of a filter's `label`."""
    if not label:
        return []
    return [label] if isinstance(label[0], str) else list(label)


def where(
    criteria: Filter, also: str = "", runs: Sequence[str] = (), *, kept: bool = False
) -> tuple[str, list[Any]]:
    """The filter as SQL over `samples s`, with its parameters.

    Args:
        criteria: The filter.
        also: A further condition, without parameters; it stands first.
        runs: Only samples of these runs, if any are given: DuckDB reads the blocks of these alone.
        kept: Over `sample_count s` instead, for a filter that is `counted`.

    Raises:
        text_filter.BadPattern: a regular expression in `text` cannot be read.
    """
    parts: list[str] = [also] if also else []
    of_runs = f"run_id in ({literals(runs)}) and " if runs else ""
    if runs:
        parts.append(f"s.run_id in ({literals(runs)})")
    values: list[Any] = []
    for name in SAME:
        value = getattr(criteria, name)
        if isinstance(value, tuple):
            parts.append(f"s.{name} in ({_marks(value)})")
            values += value
        elif value is not None:
            parts.append(f"s.{name} = ?")
            values.append(value)
    if criteria.ids is not None:
        parts.append(f"s.sample_id in ({literals(criteria.ids) or 'null'})")
    if criteria.completion is not None:
        parts.append("s.completion = ?")
        values.append(criteria.completion)
    if criteria.text is not None and criteria.text.strip():
        condition, texts = text_filter.condition(criteria.text, "s.completion")
        parts.append(condition)
        values += texts
    graded = "s.sample_id in (select sample_id from grades"
    if kept:
        graded = "s.labels in (select labels from label_set"
    for judge, labels in _by_judge(criteria.label).items():
        parts.append(
            f"{graded} where {of_runs}judge = ? and label in ({_marks(labels)}) and {BY_JUDGES})"
        )
        values += [judge, *labels]
    for judge, bound, number in criteria.numbers or ():
        if bound not in BOUNDS:
            raise ValueError(f"{bound!r} is none of {BOUNDS}")
        parts.append(
            f"s.sample_id in (select sample_id from grades where {of_runs}judge = ? "
            f"and number {bound} ? and {BY_JUDGES})"
        )
        values += [judge, number]
    if criteria.graded_by is not None:
        parts.append(f"{graded} where {of_runs}grader = ?)")
        values.append(criteria.graded_by)
    if criteria.tag is not None:
        tags = criteria.tag if isinstance(criteria.tag, tuple) else (criteria.tag,)
        parts.append(f"s.sample_id in (select sample_id from tags where tag in ({_marks(tags)}))")
        values += tags
    if criteria.note is not None and criteria.note.strip():
        condition, texts = text_filter.condition(criteria.note, "text")
        parts.append(f"s.sample_id in (select sample_id from notes where {condition})")
        values += texts
    if criteria.behind is not None:
        parts.append(f"s.sample_id in ({criteria.behind.ids(runs)})")
    return (" where " + " and ".join(parts) if parts else ""), values


def _by_judge(label: Pair | tuple[Pair, ...] | None) -> dict[str, list[str]]:
    """Judge -> the labels of which it gave one."""
    labels: dict[str, list[str]] = {}
    for judge, name in pairs(label):
        labels.setdefault(judge, []).append(name)
    return labels


def _marks(values: Sequence[Any]) -> str:
    """A place for each value; of no value, what nothing equals."""
    return ", ".join("?" * len(values)) or "null"


def chosen_by(condition: str) -> str:
    """The query for the samples of an experiment ($1) of which a condition in SQL holds."""
    # The line break ends a comment in the condition.
    return f"select sample_id from samples where experiment = $1 and ({condition}\n)"


def literals(values: Iterable[Any]) -> str:
    """Numbers and texts as SQL has them, with commas between."""
    return ", ".join(
        str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"
        for value in values
    )


def ids_of(con: duckdb.DuckDBPyConnection, query: str, values: list[Any]) -> array[int]:
    """The ids that a query selects, eight bytes each."""
    ids = array("q")
    con.execute(query, values)
    while some := con.fetchmany(IDS_AT_ONCE):
        ids.extend(sample_id for (sample_id,) in some)
    return ids
