"""Means of read-outs, for results."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from store.queries import sparing

MEANS = """\
select model, arm, role, seed, run_id, step, question, type, label, probability, mass, n
from readout_means
where experiment = $experiment
order by all"""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean probability of one label in one run, checkpoint and question.

    Attributes:
        mass: Mean of the probability of all labels together, as the model has it.
        n: Prompts that were read: wordings x variants x orders.
    """

    model: str
    arm: str
    role: str
    seed: int
    run_id: str
    step: int
    question: str
    type: str
    label: str
    probability: float
    mass: float
    n: int


def means(con: duckdb.DuckDBPyConnection, experiment: str) -> list[Mean]:
    """Every mean of an experiment."""
    rows = con.execute(MEANS, {"experiment": experiment})
    return [Mean(*row) for row in sparing(rows)]
