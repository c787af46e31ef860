"""How well checkpoints do the task they were trained on: loss and accuracy on held-out rows.

Promises: over seeds, a row for each arm, checkpoint and set of rows. All seeds of an arm are
measured on the same rows, so rows are the units of what their choice leaves to chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import duckdb

HELD_OUT_OVER_SEEDS = """\
with over_seeds as (
    select model, arm, role, step, rows_of, set_id, place, count(*) as seeds,
           avg(loss) as loss, any_value(weight) as weight, avg(exact::integer) as exact,
           sum(likeliest) as likeliest, sum(tokens) as tokens
    from held_out where experiment = $experiment and loss is not null group by all
), summed as (
    select model, arm, role, step, rows_of, set_id, max(seeds) as seeds, count(*) as rows,
           sum(loss) / sum(weight) as loss, sum(weight) as weight, avg(exact) as accuracy,
           sum(likeliest) / sum(tokens) as token_accuracy,
           sum(loss * loss) as ll, sum(loss * weight) as lw, sum(weight * weight) as ww
    from over_seeds group by all
), whole as (
    select * from summed
    qualify row_number() over (
        partition by model, arm, step, rows_of order by seeds desc, rows desc, set_id) = 1
), by_seed as (
    select model, arm, step, rows_of, set_id, list(loss order by seed) as losses,
           list(accuracy order by seed) as accuracies
    from held_out_runs where experiment = $experiment group by all
)
select model, arm, role, step, rows_of, seeds, rows, loss,
       case when rows > 1 then
           sqrt(rows / (rows - 1) * greatest(ll - 2 * loss * lw + loss * loss * ww, 0)) / weight
       end as loss_error,
       accuracy, token_accuracy, losses, accuracies
from whole join by_seed using (model, arm, step, rows_of, set_id)
order by all"""


@dataclass(frozen=True, slots=True)
class HeldOutMean:
    """What the seeds of an arm make of the rows that an arm holds out, at one step.

    Attributes:
        loss: Mean over the trained tokens, and over seeds.
        loss_error: Its standard error, rows as units; None for one row.
        accuracy: Share of rows whose whole answer is the likeliest, over seeds.
        token_accuracy: Share of tokens that are.
        losses: Of each seed.
        accuracies: Likewise.
    """

    model: str
    arm: str
    role: str
    step: int
    rows_of: str
    seeds: int
    rows: int
    loss: float
    loss_error: float | None
    accuracy: float
    token_accuracy: float
    losses: list[float]
    accuracies: list[float]


def held_out_means(con: duckdb.DuckDBPyConnection, experiment: str) -> list[HeldOutMean]:
    """Every mean of an experiment over seeds."""
    rows = con.execute(HELD_OUT_OVER_SEEDS, {"experiment": experiment})
    return [HeldOutMean(*row) for row in rows.fetchall()]


# Of each run its own checkpoints on the rows of its arm, behind the base's on the same rows.
CURVES = """\
select r.run_id, h.step, h.loss, h.accuracy
from runs r join held_out_runs h
  on h.experiment = r.experiment and h.model = r.model and h.rows_of = r.arm
 and (h.run_id = r.run_id or (h.role = 'base' and h.step = 0))
where r.role <> 'base' and r.run_id in (select unnest($runs))
order by all"""


class HeldOutPoint(NamedTuple):
    """A checkpoint of a run; step 0 is the base on the rows of the run's arm."""

    step: int
    loss: float
    accuracy: float


def held_out_points(
    con: duckdb.DuckDBPyConnection, runs: Sequence[str]
) -> dict[str, list[HeldOutPoint]]:
    """Of each of these runs, by step; none where nothing was measured."""
    points: dict[str, list[HeldOutPoint]] = {run_id: [] for run_id in runs}
    for run_id, *numbers in con.execute(CURVES, {"runs": list(runs)}).fetchall():
        points[run_id].append(HeldOutPoint(*numbers))
    return points
