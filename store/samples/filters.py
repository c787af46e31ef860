"""Which samples: a filter, and what it is as SQL."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

from store.samples import text_filter

SAME = ("experiment", "run_id", "model", "arm", "seed", "step", "question", "variant")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which samples; None leaves a field open.

    Attributes:
        label: Judge and label that a rule gave.
        graded_by: Only samples that this grader has graded, such as `human:ada`.
        text: What the completion has, in the words of `store.samples.text_filter`.
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


def where(criteria: Filter, also: str = "") -> tuple[str, list[Any]]:
    """The filter as SQL over `samples s`, with its parameters.

    Args:
        criteria: The filter.
        also: A further condition, without parameters; it stands first.

    Raises:
        text_filter.BadPattern: a regular expression in `text` cannot be read.
    """
    parts: list[str] = [also] if also else []
    values: list[Any] = []
    for name in SAME:
        value = getattr(criteria, name)
        if value is not None:
            parts.append(f"s.{name} = ?")
            values.append(value)
    if criteria.text is not None and criteria.text.strip():
        condition, texts = text_filter.condition(criteria.text, "s.completion")
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
