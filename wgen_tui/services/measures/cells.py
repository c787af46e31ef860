"""Counted samples by what they have in common: what rates are computed from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from store.measured import COUNTED, REFUSED, UNGRADED, Tally
from store.queries import Mean

BROKEN = "broken"  # why a sample is left out, where broken answers are


@dataclass(frozen=True, slots=True)
class Cell:
    """Samples of one run, checkpoint, question and variant.

    Attributes:
        n: Those that count.
        ungraded: Without any verdict.
        refused: Draws that a server did not make: they have no text, and whatever a judge said of
            that does not count.
        total: Of a mean, the sum of the numbers; None for a share.
        squares: Of a mean, the sum of the squares.
        broken_hits: Of the broken ones that count, the hits.
        broken_total: Of a mean, the sum of their numbers.
        broken_squares: Of a mean, the sum of their squares.
        left: What else does not count, by reason (`store.measured`).
    """

    n: int
    hits: int
    unclear: int
    broken: int
    ungraded: int
    refused: int = 0
    total: float | None = None
    squares: float = 0.0
    broken_hits: int = 0
    broken_total: float = 0.0
    broken_squares: float = 0.0
    left: Mapping[str, int] = field(default_factory=dict)

    @property
    def drawn(self) -> int:
        """All of them."""
        return self.n + self.ungraded + self.refused + sum(self.left.values())

    @property
    def amount(self) -> float:
        """What is divided by n: the hits, or the sum of the numbers."""
        return self.hits if self.total is None else self.total

    @property
    def unbroken(self) -> float:
        """The same without the broken answers."""
        is_share = self.total is None
        return self.hits - self.broken_hits if is_share else self.amount - self.broken_total


def without_broken(cell: Cell) -> Cell:
    """The cell with its broken answers left out; which of them were unclear is not known."""
    return replace(
        cell,
        n=cell.n - cell.broken,
        hits=cell.hits - cell.broken_hits,
        unclear=0,
        broken=0,
        total=None if cell.total is None else cell.total - cell.broken_total,
        squares=cell.squares - cell.broken_squares,
        broken_hits=0,
        broken_total=0.0,
        broken_squares=0.0,
        left={**cell.left, BROKEN: cell.broken},
    )


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


def count_cells(rows: Iterable[Tally], *, mean: bool = False) -> Cells:
    """Put together what became of the samples of each cell.

    Args:
        rows: From `store.measured`.
        mean: Whether numbers are averaged, instead of hits counted.
    """
    grouped: dict[Key, list[Tally]] = defaultdict(list)
    for row in rows:
        key = Key(row.model, row.arm, row.role, row.seed, row.step, row.question, row.variant)
        grouped[key].append(row)
    return {key: _cell(listed, mean) for key, listed in grouped.items()}


def _cell(rows: list[Tally], mean: bool) -> Cell:
    counted = [row for row in rows if row.fate == COUNTED]
    left: Counter[str] = Counter()
    for row in rows:
        if row.fate != COUNTED:
            left[row.fate] += row.n
    return Cell(
        n=sum(row.n for row in counted),
        hits=sum(row.hits for row in counted),
        unclear=sum(row.unclear for row in counted),
        broken=sum(row.broken for row in counted),
        ungraded=left.pop(UNGRADED, 0),
        refused=left.pop(REFUSED, 0),
        total=sum(row.total for row in counted) if mean else None,
        squares=sum(row.squares for row in counted),
        broken_hits=sum(row.broken_hits for row in counted),
        broken_total=sum(row.broken_total for row in counted),
        broken_squares=sum(row.broken_squares for row in counted),
        left=dict(left),
    )


def read_tallies(experiment: str, read: Iterable[Mean], answers: Mapping[str, str]) -> list[Tally]:
    """Questions that are read, each as one that counts: a hit where the right answer leads."""
    readings: dict[tuple[str, str, int, str], list[Mean]] = defaultdict(list)
    for row in read:
        if row.question in answers:
            readings[(row.run_id, row.question, row.step, row.type)].append(row)
    listed = []
    for rows in readings.values():
        first, right = rows[0], leads(rows, answers[rows[0].question])
        at = (experiment, first.model, first.arm, first.role, first.seed, first.run_id, first.step)
        counts = (1, right, 0, 0, 0, right, right, 0, 0)
        listed.append(Tally(*at, first.question, "none", "", COUNTED, *counts))
    return listed


def leads(rows: Iterable[Mean], answer: str) -> int:
    """1 if the answer has the highest probability, and no other as much; else 0."""
    by_label = {row.label: row.probability for row in rows}
    own = by_label.get(answer, 0.0)
    return int(all(own > other for label, other in by_label.items() if label != answer))
