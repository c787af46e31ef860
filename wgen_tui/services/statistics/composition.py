"""How draws of several questions make one share: each question counts once.

Promises: a share does not follow how often which question, or which variant of it, was drawn; where
every run drew what the others drew, it is hits over draws, to the last digit.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Amounts = npt.NDArray[Any]  # hits, or sums of numbers


class Part(NamedTuple):
    """One column of the counts: a question, in one variant.

    Attributes:
        question: All its parts together weigh as much as any other question.
        variant: Which part of it.
        size: Of its question's weight, its share among the question's parts: the draws of a run
            that has all of them.
    """

    question: str
    variant: str
    size: int


@dataclass(frozen=True)
class Composition:
    """Hits and graded draws of seeds (rows) by what was asked (columns), without empty ones.

    Attributes:
        hits: Of a mean, the sums of the numbers.
        parts: Of each column.
        beside: What else was counted of the same draws.
        squares: Of a mean, the sums of the squares of the numbers.
    """

    hits: Amounts
    counts: Whole
    parts: tuple[Part, ...]
    beside: tuple[Whole, ...] = ()
    squares: Floats | None = None

    @classmethod
    def of(
        cls,
        hits: Sequence[Sequence[float]],
        counts: Sequence[Sequence[int]],
        parts: Sequence[Part] | None = None,
        beside: Sequence[Sequence[Sequence[int]]] = (),
        squares: Sequence[Sequence[float]] | None = None,
    ) -> Composition:
        """Of counts, a row for each seed; without `parts` each column is a question.

        Seeds and columns that nothing was graded of are left out.
        """
        asked = len(counts[0]) if len(counts) else 0
        alone = (Part(str(column), "", 1) for column in range(asked))
        every = tuple(alone if parts is None else parts)
        total = np.array(counts, dtype=np.int64).reshape(len(counts), asked)
        rows, columns = total.sum(axis=1) > 0, total.sum(axis=0) > 0

        def kept(table: Sequence[Sequence[float]], kind: type = np.int64) -> Amounts:
            some: Amounts = np.array(table, dtype=kind).reshape(total.shape)[rows][:, columns]
            return some

        return cls(
            hits=kept(hits, np.int64 if squares is None else np.float64),
            counts=kept(counts),
            parts=tuple(part for part, there in zip(every, columns, strict=True) if there),
            beside=tuple(kept(table) for table in beside),
            squares=None if squares is None else kept(squares, np.float64),
        )

    @property
    def questions(self) -> int:
        """How many there are."""
        return len({part.question for part in self.parts})

    def only(self, parts: Container[Part]) -> Composition:
        """The same of some columns."""
        columns = [part in parts for part in self.parts]
        seeds = self.counts[:, columns].any(axis=1)
        return Composition(
            hits=self.hits[seeds][:, columns],
            counts=self.counts[seeds][:, columns],
            parts=tuple(part for part in self.parts if part in parts),
            squares=None if self.squares is None else self.squares[seeds][:, columns],
        )

    def by_question(self) -> dict[str, float]:
        """The share of each question."""
        shares: dict[str, float] = defaultdict(float)
        mean = (self._weights * self._cells(self.hits)).sum(axis=0)
        for part, share in zip(self.parts, mean, strict=True):
            shares[part.question] += float(share) * self.questions
        return dict(shares)

    @cached_property
    def _wholes(self) -> Whole:
        """The size of each column's question: of those parts that anyone was graded on."""
        sizes: dict[str, int] = defaultdict(int)
        for part in self.parts:
            sizes[part.question] += part.size
        return np.array([sizes[part.question] for part in self.parts], dtype=np.int64)

    @cached_property
    def _sizes(self) -> Whole:
        return np.array([part.size for part in self.parts], dtype=np.int64)

    @cached_property
    def weights(self) -> Floats:
        """Of each column; they sum to 1."""
        return self._sizes / self._wholes / max(1, self.questions)

    @cached_property
    def complete(self) -> npt.NDArray[np.bool_]:
        """Which seeds have graded draws of everything."""
        complete: npt.NDArray[np.bool_] = self.counts.min(axis=1, initial=1) > 0
        return complete

    @cached_property
    def even(self) -> npt.NDArray[np.bool_]:
        """Which seeds have of each column as many draws as its weight says."""
        # Products of whole numbers, so that equal is equal.
        due = self.counts * self._wholes
        even: npt.NDArray[np.bool_] = (due * self._sizes[:1] == due[:, :1] * self._sizes).all(
            axis=1
        )
        return even

    @cached_property
    def ratio(self) -> tuple[Floats, Floats]:
        """Numbers by seed and column: sums of these, divided, are shares, each question once.

        Of an even seed they are its hits and draws.
        """
        even = self.even[:, None]
        above = np.where(even, self.hits, self._cells(self.hits) * self.weights)
        return above, np.where(even, self.counts, (self.counts > 0) * self.weights)

    @cached_property
    def shares(self) -> Floats:
        """Of each seed, over what it was asked."""
        above, below = self.ratio
        shares: Floats = above.sum(axis=1) / below.sum(axis=1)
        return shares

    @cached_property
    def rate(self) -> float:
        """The mean over questions of their means over the seeds that have them.

        Of complete seeds that is the mean of their shares.
        """
        return float(self.shares.mean()) if self.complete.all() else self._mean(self.hits)

    @property
    def rate_or_none(self) -> float | None:
        """The same; None without draws."""
        return self.rate if self.counts.size else None

    def share_of(self, hits: Whole) -> float | None:
        """The same of what was counted beside; None without draws."""
        if not self.counts.size:
            return None
        return int(hits.sum()) / int(self.counts.sum()) if self.level else self._mean(hits)

    @cached_property
    def pooled(self) -> tuple[float, float]:
        """The share of all samples, and of how many independent ones it is worth.

        Where all cells have the draws that their weights say, that is how many they are. Else it is
        as many as would give a share the variance that the weighted one has: with one chance of a
        hit throughout (Kish 1965), or with each cell's own, whichever is fewer.
        """
        if self.level:
            return int(self.hits.sum()) / int(self.counts.sum()), int(self.counts.sum())
        n, share = np.maximum(self.counts, 1), self._cells(self.hits)
        squares, rate = self._weights**2 / n, self.rate
        kish = 1 / float(squares.sum())
        own = float((squares * share * (1 - share)).sum())
        return rate, min(kish, rate * (1 - rate) / own) if own > 0 else kish

    @cached_property
    def spread(self) -> tuple[float, int]:
        """Of a mean: the standard error that its draws alone give it, and degrees of freedom.

        The variance of one draw is taken as the same in every cell: (nan, 0) without two draws of
        anything.
        """
        if self.squares is None:
            raise ValueError("the spread of a share follows from the share")
        there = self.counts > 0
        freedom = int(self.counts.sum() - there.sum())
        if freedom < 1:
            return math.nan, 0
        within = self.squares - self.hits**2 / np.maximum(self.counts, 1)
        variance = max(0.0, float(within[there].sum())) / freedom
        weights = float((self._weights**2 / np.maximum(self.counts, 1)).sum())
        return math.sqrt(variance * weights), freedom

    def _mean(self, hits: Amounts) -> float:
        return float((self._weights * self._cells(hits)).sum())

    def _cells(self, hits: Amounts) -> Floats:
        """The share of each seed and column; 0 where nothing was drawn."""
        shares: Floats = hits / np.maximum(self.counts, 1)
        return shares

    @cached_property
    def _weights(self) -> Floats:
        """Of each cell: its column's, shared by the seeds that have it."""
        there = self.counts > 0
        weights: Floats = there * self.weights / there.sum(axis=0)
        return weights

    @cached_property
    def level(self) -> bool:
        """Whether all seeds are even, and have as many draws as each other."""
        due = self.counts * self._wholes
        return bool((due * self._sizes[:1] == due[:1, :1] * self._sizes).all())
