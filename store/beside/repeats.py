"""Several verdicts of one judge on each sample: how often they are equal, and how far apart.

Promises: over the last step of each run; a sample that lacks one of its verdicts is counted and
left out; what comes back is a row for each arm and pattern of labels, never one for each sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from store.measured import Verdicts, relation, text
from store.queries import few_runs_at_a_time


@dataclass(frozen=True, slots=True)
class Repeated:
    """The samples of one arm whose verdicts have one pattern.

    Attributes:
        labels: The labels of a sample, sorted; empty where one of its verdicts is no label.
        n: Samples with all verdicts.
        incomplete: Samples that lack one or more.
        equal: Of n, those whose verdicts are all the same, label and number.
        numbers: Of n, those whose verdicts are all numbers.
        apart: Sum over these of the mean absolute difference of two verdicts.
        apart_squares: Sum of its squares.
    """

    model: str
    arm: str
    labels: tuple[str, ...]
    n: int
    incomplete: int
    equal: int
    numbers: int
    apart: float
    apart_squares: float


def repeated(
    con: duckdb.DuckDBPyConnection, experiment: str, graders: Sequence[Verdicts]
) -> list[Repeated]:
    """How verdicts by these graders agree on the samples that any of them has judged."""
    sums: dict[tuple[str, str, tuple[str, ...]], list[float]] = {}
    for runs in few_runs_at_a_time(con, experiment):
        within = f"run_id in ({', '.join(map(text, runs))})"
        for model, arm, labels, *counts in con.execute(query(graders, within)).fetchall():
            known = sums.setdefault((model, arm, tuple(labels)), [0] * len(counts))
            known[:] = [a + b for a, b in zip(known, counts, strict=True)]
    return [
        Repeated(*of, *(int(count) for count in counts[:4]), *counts[4:])
        for of, counts in sorted(sums.items())
    ]


def query(graders: Sequence[Verdicts], within: str) -> str:
    """The query behind it, over the samples for which `within` holds."""
    verdicts = " union all ".join(
        f"(select {place} as place, * from ({relation(item, within)}))"
        for place, item in enumerate(graders)
    )
    return f"""\
with verdict as (
    from ({verdicts})
), of_sample as (
    select sample_id,
           count(*) filter (label is not null or number is not null) = {len(graders)} as complete,
           count(label) = count(*) as labelled, count(number) = count(*) as numbered,
           count(distinct (label, number)) = 1 as equal, list_sort(list(label)) as labels
    from verdict group by sample_id
), pair as (
    select sample_id, avg(abs(one.number - other.number)) as apart
    from verdict one join verdict other using (sample_id)
    where one.place < other.place group by sample_id
), last as (
    select run_id, max(step) as step from samples where {within} group by run_id
)
select s.model, s.arm, case when complete and labelled then labels else [] end as said,
       count(*) filter (complete) as n, count(*) filter (not complete) as incomplete,
       count(*) filter (complete and equal) as equal,
       count(*) filter (complete and numbered) as numbers,
       coalesce(sum(apart) filter (complete and numbered), 0)::double as apart,
       coalesce(sum(apart * apart) filter (complete and numbered), 0)::double as squares
from of_sample join (from samples where {within}) s using (sample_id)
join last on last.run_id = s.run_id and last.step = s.step
left join pair using (sample_id)
group by all"""
