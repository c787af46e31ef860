"""The answers to one question, side by side: what each arm, seed, checkpoint or variant said.

Promises: counts and labels are of all draws; texts are read of the first `DRAWS` of a column at
most (fewer where there are many columns), evenly over seeds, and `left_out` says how many are not.
Nothing but this question's rows is read, beside a pass over columns without texts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import duckdb

from store.samples.filters import BY_JUDGES, Filter, where
from store.samples.rows import SampleRow, page

DRAWS = 500  # of a column, with their texts
AT_ONCE = 4_000  # of all columns
LEAST = 20
By = Literal["arm", "seed", "step", "variant"]
BY: tuple[By, ...] = ("arm", "seed", "step", "variant")


@dataclass(frozen=True, slots=True)
class Column:
    """What one arm (or seed, checkpoint, variant) said.

    Attributes:
        value: Which one.
        role: Of its arm: treatment, control, benign, base or auxiliary.
        draws: All there are.
        labels: Judge -> label -> how many of all draws.
        rows: The draws with their texts, in the order of their numbers.
    """

    value: str | int
    role: str
    draws: int
    labels: dict[str, dict[str, int]]
    rows: list[SampleRow]

    @property
    def left_out(self) -> int:
        """How many draws are counted and not among `rows`."""
        return self.draws - len(self.rows)


def columns(con: duckdb.DuckDBPyConnection, criteria: Filter, by: By) -> list[Column]:
    """What the filter lets through, a column for each value; treatments first, then controls.

    Where the filter names no step and the columns are not steps, only the last one of each run.
    """
    here, values = _last_steps(criteria, by)
    counted = con.execute(
        f"select s.{by}, min(s.role), count(*) from samples s{here} group by all order by all",
        values,
    ).fetchall()
    if not counted:
        return []
    most = max(min(DRAWS, AT_ONCE // len(counted)), LEAST)
    ids = con.execute(
        f"select sample_id from (select s.sample_id, s.{by}, row_number() over (partition by "
        f"s.{by} order by s.draw, s.seed, s.paraphrase, s.variant, s.sample_id) as place "
        f"from samples s{here}) where place <= {most} order by {by}, place",
        values,
    ).fetchall()
    rows: dict[str | int, list[SampleRow]] = {value: [] for value, _, _ in counted}
    for row in page(con, [sample_id for (sample_id,) in ids]):
        rows[getattr(row, by)].append(row)
    if all(number <= most for _, _, number in counted):
        labels = {value: _labels_of(listed) for value, listed in rows.items()}
    else:
        labels = _labels(con, here, values, by)
    every = [
        Column(value, role or "", number, labels.get(value, {}), rows[value])
        for value, role, number in counted
    ]
    if by != "arm":
        return every
    roles = ["treatment", "auxiliary", "control", "benign", "base"]
    order = {role: place for place, role in enumerate(roles)}
    return sorted(every, key=lambda column: (order.get(column.role, 0), str(column.value)))


def _last_steps(criteria: Filter, by: By) -> tuple[str, list[object]]:
    """The filter as SQL, of the last step of each run where it leaves that open."""
    condition, values = where(criteria)
    if by == "step" or criteria.step is not None:
        return condition, values
    of_runs, more = where(replace(criteria, label=None, numbers=None, text=None, completion=None))
    last = f"(s.run_id, s.step) in (select run_id, max(step) from samples s{of_runs} group by 1)"
    return f"{condition}{' and' if condition else ' where'} {last}", [*values, *more]


def _labels_of(rows: list[SampleRow]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        for judge, label in row.labels.items():
            of_judge = counts.setdefault(judge, {})
            of_judge[label] = of_judge.get(label, 0) + 1
    return counts


def _labels(
    con: duckdb.DuckDBPyConnection, here: str, values: list[object], by: By
) -> dict[str | int, dict[str, dict[str, int]]]:
    """Value -> judge -> label -> how many draws."""
    counts: dict[str | int, dict[str, dict[str, int]]] = {}
    for value, judge, label, number in con.execute(
        f"select s.{by}, judge, label, count(distinct sample_id) from grades join (select "
        f"s.sample_id, s.{by} from samples s{here}) s using (sample_id) "
        f"where {BY_JUDGES} and label is not null group by all order by all",
        values,
    ).fetchall():
        counts.setdefault(value, {}).setdefault(judge, {})[label] = number
    return counts
