"""How many samples have what, of those that a filter lets through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb

from store.samples.filters import BY_JUDGES, Filter, where

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
    tags: Facet = field(default_factory=list)


FACETS = ("experiment", "model", "arm", "seed", "step", "question", "variant")


def facets(con: duckdb.DuckDBPyConnection, criteria: Filter) -> Facets:
    """How many samples each value has: one pass, of which a row comes for each value."""
    condition, values = where(criteria)
    columns = ", ".join(FACETS)
    sets = ", ".join(f"({name})" for name in FACETS)
    rows = con.execute(
        f"select grouping({columns}), {columns}, count(*) from samples s{condition} "
        f"group by grouping sets ({sets})",
        values,
    ).fetchall()
    sums: list[dict[Any, int]] = [{} for _ in FACETS]
    for summed_over, *row, number in rows:  # a bit is 0 for the column that the row is of
        place = next(i for i in range(len(FACETS)) if not summed_over >> len(FACETS) - 1 - i & 1)
        sums[place][row[place]] = number
    among = f"and sample_id in (select sample_id from samples s{condition})" if condition else ""
    labels = con.execute(
        "select judge, label, count(*) from grades "
        f"where {BY_JUDGES} and label is not null {among} group by all order by all",
        values,
    ).fetchall()
    tags: Facet = []
    if con.execute("select 1 from note limit 1").fetchall():  # else in vain
        tags = con.execute(
            f"select tag, count(*) from tags where true {among} group by all order by all", values
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
        tags=[(tag, number) for tag, number in tags],
    )
