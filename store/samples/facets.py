"""How many samples have what, of those that a filter lets through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb

from store.samples import counts
from store.samples.filters import BY_JUDGES, Filter, literals, where

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
    """How many samples each value has: of kept counts, where these tell apart what is asked for."""
    if criteria.counted and counts.are_kept(con):
        condition, values = where(criteria, kept=True)
        sums = _sums(con, f"sample_count s{condition}", "sum(n)::bigint", values)
        labels = con.execute(
            "select judge, label, sum(n)::bigint from "
            f"(select labels, sum(n) as n from sample_count s{condition} group by labels) "
            f"join label_set using (labels) where {BY_JUDGES} and label is not null "
            "group by all having sum(n) > 0 order by all",
            values,
        ).fetchall()
    else:
        condition, values = where(criteria)
        sums = _sums(con, f"samples s{condition}", "count(*)", values)
        labels = con.execute(
            "select judge, label, count(*) from grades "
            f"where {BY_JUDGES} and label is not null {_among(criteria)} group by all order by all",
            values,
        ).fetchall()
    experiments, models, arms, seeds, steps, questions, variants = (
        sorted(numbers.items()) for numbers in sums
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
        tags=_tags(con, criteria),
    )


def _sums(
    con: duckdb.DuckDBPyConnection, relation: str, number: str, values: list[Any]
) -> list[dict[Any, int]]:
    """How many samples each value of each column has: one pass, of which a row comes for each."""
    columns = ", ".join(FACETS)
    sets = ", ".join(f"({name})" for name in FACETS)
    rows = con.execute(
        f"select grouping({columns}), {columns}, {number} as number from {relation} "
        f"group by grouping sets ({sets}) having number > 0",
        values,
    ).fetchall()
    sums: list[dict[Any, int]] = [{} for _ in FACETS]
    for summed_over, *row, count in rows:  # a bit is 0 for the column that the row is of
        place = next(i for i in range(len(FACETS)) if not summed_over >> len(FACETS) - 1 - i & 1)
        sums[place][row[place]] = count
    return sums


def _among(criteria: Filter, also: str = "") -> str:
    """SQL for what has the id of a sample that the filter lets through."""
    condition, _ = where(criteria, also)
    return f"and sample_id in (select sample_id from samples s{condition})" if condition else ""


def _tags(con: duckdb.DuckDBPyConnection, criteria: Filter) -> Facet:
    """How many samples have which tags: few have any, so only these samples' runs are read."""
    runs = con.execute("select distinct run_id from note where tag is not null").fetchall()
    if not runs:
        return []
    of_these = f"s.run_id in ({literals(run_id for (run_id,) in runs)})"
    rows = con.execute(
        f"select tag, count(*) from tags where true {_among(criteria, of_these)} "
        "group by all order by all",
        where(criteria)[1],
    ).fetchall()
    return [(tag, number) for tag, number in rows]
