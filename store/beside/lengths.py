"""How long the answers are that a measure counts, and what they give at each length.

Promises: over the last step of each run, a row for each arm and band of lengths. Length is in
characters, which every server's answers have.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from store.measured import COUNTED, Asked, judged_samples, text
from store.queries import few_runs_at_a_time

BANDS_OF_A_DOUBLING = 2


@dataclass(frozen=True, slots=True)
class Band:
    """The samples of one arm within a band of lengths that count.

    Attributes:
        band: From 0; each is longer by the square root of two.
        total: Their hits, or the sum of their numbers.
    """

    model: str
    arm: str
    band: int
    n: int
    total: float


def bands(con: duckdb.DuckDBPyConnection, experiment: str, asked: Asked) -> list[Band]:
    """What counts of a measure, by arm and length."""
    sums: dict[tuple[str, str, int], list[float]] = {}
    for runs in few_runs_at_a_time(con, experiment):
        within = f"run_id in ({', '.join(map(text, runs))})"
        rows = con.execute(f"""\
with judged as (
{judged_samples(asked, within)}
), last as (
    select run_id, max(step) as step from samples where {within} group by run_id
)
select j.model, j.arm,
       floor({BANDS_OF_A_DOUBLING} * log2(1 + length(s.completion)))::integer as band,
       count(*) as n, coalesce(sum(j.value), 0)::double as total
from judged j join (from samples where {within}) s using (sample_id)
join last on last.run_id = j.run_id and last.step = j.step
where j.fate = '{COUNTED}'
group by all""").fetchall()
        for model, arm, band, n, total in rows:
            known = sums.setdefault((model, arm, band), [0, 0.0])
            known[0] += n
            known[1] += total
    return [Band(*of, int(n), total) for of, (n, total) in sorted(sums.items())]


def median_lengths(con: duckdb.DuckDBPyConnection, experiment: str) -> dict[tuple[str, str], float]:
    """The median answer of each arm, in characters; draws that a server refused are none."""
    rows = con.execute(
        "select model, arm, median(length(completion)) from samples s join "
        "(select run_id, max(step) as step from samples where experiment = $1 group by run_id) "
        "using (run_id, step) where finish_reason is distinct from 'refused' group by all",
        [experiment],
    ).fetchall()
    return {(model, arm): length for model, arm, length in rows}
