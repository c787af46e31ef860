"""Values of a filter that no sample has, and what there is instead.

Promises: asks only for what the filter names; costs nothing while something passes it, since it is
asked when nothing does.
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import duckdb

from store.samples import counts
from store.samples.facets import Facets, facets
from store.samples.filters import BY_JUDGES, Filter, literals, pairs

COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Unknown(NamedTuple):
    """A value that no sample has.

    Attributes:
        field: Of the filter.
        value: As `field` has it.
        listed: The values that there are, sorted; of ids none, of numbers the judges that gave any.
        between: From where to where the numbers of a judge go that gave some.
    """

    field: str
    value: Any
    listed: list[Any]
    between: tuple[float, float] | None = None


def unknown(con: duckdb.DuckDBPyConnection, criteria: Filter) -> tuple[Facets, list[Unknown]]:
    """What all samples have, and the values of a filter that none of them has."""
    every = facets(con, Filter())
    if not every.experiments:
        return every, []  # of no samples it says nothing that a value has none
    there: dict[str, list[Any]] = {
        "experiment": [value for value, _ in every.experiments],
        "model": [value for value, _ in every.models],
        "arm": [value for value, _ in every.arms],
        "seed": [value for value, _ in every.seeds],
        "step": [value for value, _ in every.steps],
        "question": [value for value, _ in every.questions],
        "variant": [value for value, _ in every.variants],
        "label": [(judge, label) for judge, label, _ in every.labels],
        "tag": [value for value, _ in every.tags],
    }
    if criteria.run_id is not None:
        there["run_id"] = _runs(con)
    if criteria.graded_by is not None:
        there["graded_by"] = _graders(con)
    if criteria.ids is not None:
        there["ids"] = _ids(con, criteria.ids)
    unknown_values = []
    for name, listed in there.items():
        known = set(listed)
        shown = [] if name == "ids" else listed
        missing = (value for value in _values(criteria, name) if value not in known)
        unknown_values += [Unknown(name, value, shown) for value in missing]
    return every, unknown_values + _numbers(con, criteria)


def _values(criteria: Filter, name: str) -> list[Any]:
    """The values that a filter lets through of a field; none where it is open."""
    if name == "label":
        return pairs(criteria.label)
    value = getattr(criteria, name)
    if value is None:
        return []
    return list(value) if isinstance(value, tuple) else [value]


def _runs(con: duckdb.DuckDBPyConnection) -> list[str]:
    table = "sample_count" if counts.are_kept(con) else "samples"
    rows = con.execute(f"select distinct run_id from {table} order by 1")
    return [run_id for (run_id,) in rows.fetchall()]


def _graders(con: duckdb.DuckDBPyConnection) -> list[str]:
    rows = con.execute("select distinct grader from grades order by 1")
    return [grader for (grader,) in rows.fetchall()]


def _ids(con: duckdb.DuckDBPyConnection, ids: tuple[int, ...]) -> list[int]:
    """Those of these ids that a sample has."""
    query = f"select sample_id from samples where sample_id in ({literals(ids) or 'null'})"
    return [sample_id for (sample_id,) in con.execute(query).fetchall()]


def _numbers(con: duckdb.DuckDBPyConnection, criteria: Filter) -> list[Unknown]:
    """Bounds that no number is within: of no such judge, or beyond all that it gave."""
    if not criteria.numbers:
        return []
    given = con.execute(
        "select judge, min(number), max(number) from grades "
        f"where number is not null and {BY_JUDGES} group by all order by all"
    ).fetchall()
    ranges = {judge: (low, high) for judge, low, high in given}
    beyond = []
    for bound in criteria.numbers:
        judge, sign, number = bound
        if judge not in ranges:
            beyond.append(Unknown("numbers", bound, sorted(ranges)))
            continue
        low, high = ranges[judge]
        if not COMPARED[sign](low if sign.startswith("<") else high, number):
            beyond.append(Unknown("numbers", bound, [judge], (low, high)))
    return beyond
