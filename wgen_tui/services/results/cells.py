"""Counted samples by what they have in common: what rates are computed from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from experiments.schema import Analysis
from store.queries import Count


@dataclass(frozen=True, slots=True)
class Cell:
    """Samples of one run, checkpoint, question and variant.

    Attributes:
        n: Graded ones.
        refused: Draws that a server did not make: they have no text, and whatever a judge said of
            that does not count.
    """

    n: int
    hits: int
    unclear: int
    broken: int
    ungraded: int
    refused: int = 0

    @property
    def drawn(self) -> int:
        """All of them."""
        return self.n + self.ungraded + self.refused


@dataclass(frozen=True, slots=True)
class Key:
    """What the samples of a cell have in common."""

    model: str
    arm: str
    role: str
    seed: int
    step: int
    question: str
    variant: str


class Asked(NamedTuple):
    """What was asked, and in which variant."""

    question: str
    variant: str


Cells = dict[Key, Cell]
BySeed = dict[int, dict[Asked, Cell]]


def count_cells(rows: Iterable[Count], plan: Analysis) -> Cells:
    """Count hits, unclear, broken, ungraded and refused samples by what the plan says."""
    tallies: dict[Key, list[int]] = defaultdict(lambda: [0] * 6)
    for row in rows:
        key = Key(row.model, row.arm, row.role, row.seed, row.step, row.question, row.variant)
        cell = tallies[key]
        cell[5] += row.refused
        if row.label is None:
            cell[4] += row.n - row.refused
            continue
        cell[0] += row.n
        cell[1] += row.n if row.label == plan.headline[1].label else 0
        cell[2] += row.n if row.label == plan.unclear else 0
        cell[3] += row.broken
    return {key: Cell(*cell) for key, cell in tallies.items()}
