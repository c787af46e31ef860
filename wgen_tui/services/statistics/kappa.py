"""How two graders agree; docs/methods.md has formulas and sources.

Promises: pure functions; the bootstrap is seeded, so the same pairs give the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wgen_tui.services.statistics.intervals import RESAMPLES, SEED, percentiles, wilson


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two graders agree.

    Attributes:
        labels: Of rows and columns of `confusion`.
        confusion: Samples by (first grader's label, second's).
        kappa: Cohen's; nan where chance alone would give full agreement.
    """

    n: int
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    agreement: float
    low: float
    high: float
    kappa: float
    kappa_low: float
    kappa_high: float


def agreement_of(pairs: Sequence[tuple[str, str]], confidence: float = 0.95) -> Agreement:
    """Share of agreement (Wilson) and Cohen's kappa (Cohen 1960; bootstrap over samples)."""
    labels = tuple(sorted({label for pair in pairs for label in pair}))
    place = {label: index for index, label in enumerate(labels)}
    codes = np.array([[place[a], place[b]] for a, b in pairs], dtype=int).reshape(-1, 2)
    size, n = len(labels), len(codes)
    table = np.zeros((size, size), dtype=int)
    np.add.at(table, (codes[:, 0], codes[:, 1]), 1)
    same = int(np.trace(table))
    low, high = wilson(same, n, confidence)
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(RESAMPLES if n else 0):
        sample = codes[rng.integers(n, size=n)]
        again = np.zeros((size, size), dtype=int)
        np.add.at(again, (sample[:, 0], sample[:, 1]), 1)
        drawn.append(_kappa(again))
    kappas = np.array([value for value in drawn if not math.isnan(value)])
    bounds = percentiles(kappas, confidence) if len(kappas) else (math.nan, math.nan)
    return Agreement(
        n=n,
        labels=labels,
        confusion=tuple(tuple(int(value) for value in row) for row in table),
        agreement=same / n if n else math.nan,
        low=low,
        high=high,
        kappa=_kappa(table),
        kappa_low=bounds[0],
        kappa_high=bounds[1],
    )


def _kappa(table: npt.NDArray[np.int_]) -> float:
    n = table.sum()
    if not n:
        return math.nan
    chance = float((table.sum(0) * table.sum(1)).sum()) / float(n) ** 2
    return math.nan if chance == 1 else (float(np.trace(table)) / float(n) - chance) / (1 - chance)


@dataclass(frozen=True, slots=True)
class Fleiss:
    """How several verdicts on each sample agree beyond chance.

    Attributes:
        kappa: nan where chance alone would give full agreement.
    """

    n: int
    kappa: float
    low: float
    high: float


def fleiss_of(patterns: Sequence[tuple[tuple[str, ...], int]], confidence: float = 0.95) -> Fleiss:
    """Fleiss' kappa (1971), with a bootstrap over samples.

    Args:
        patterns: The labels of a sample, equally many for all, and how many samples have these.
        confidence: Of the interval.
    """
    labels = sorted({label for said, _ in patterns for label in said})
    votes = np.array([[said.count(label) for label in labels] for said, _ in patterns], dtype=float)
    counts = np.array([n for _, n in patterns], dtype=np.int64)
    n = int(counts.sum())
    if not n:
        return Fleiss(0, math.nan, math.nan, math.nan)
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(n, counts / n, size=RESAMPLES)
    kappas = np.array([value for row in drawn if not math.isnan(value := _fleiss(votes, row))])
    low, high = percentiles(kappas, confidence) if len(kappas) else (math.nan, math.nan)
    return Fleiss(n, _fleiss(votes, counts), low, high)


def _fleiss(votes: npt.NDArray[np.float64], counts: npt.NDArray[np.int64]) -> float:
    n, k = counts.sum(), votes[0].sum()
    agree = float((counts * (votes * (votes - 1)).sum(1)).sum() / (n * k * (k - 1)))
    shares = (counts[:, None] * votes).sum(0) / (n * k)
    chance = float((shares**2).sum())
    return math.nan if math.isclose(chance, 1) else (agree - chance) / (1 - chance)
