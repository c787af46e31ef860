"""How many samples have what, of those that a filter lets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import duckdb

from store.samples.filters import Filter, where

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
