"""The arithmetic behind every number with an interval; docs/methods.md has formulas and sources.

Promises: pure functions; resampling is seeded, so the same data give the same interval; the default
interval is never narrower than the binomial noise of its samples, so an arm without a hit is not
certain. The bootstraps have no such floor: seeds that all agree give them no width.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

Interval = Literal["t", "bootstrap", "nested"]
INTERVALS: tuple[Interval, ...] = ("t", "bootstrap", "nested")
RESAMPLES = 2000
PERMUTATIONS = 10_000  # up to here all are tried
SEED = 0
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its interval.

    Attributes:
        method: How the interval was made.
    """

    rate: float
    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class Test:
    """A permutation test.

    Attributes:
        p: Two-sided.
        p_min: The smallest p that this number of units can give.
        method: What was permuted.
    """

    p: float
    p_min: float
    method: str


def wilson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for k of n (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    # As scipy.stats does it, to the last digit; importing that takes longer than most results.
    p, z = k / n, float(special.ndtri(0.5 + 0.5 * confidence))
    width = 2 * (n + z**2)
    center = (2 * n * p + z**2) / width
    reach = z / width * math.sqrt(4 * n * p * (1 - p) + z**2)
    return (0.0 if k == 0 else center - reach), (1.0 if k == n else center + reach)


def over_seeds(
    hits: Sequence[Sequence[int]],
    counts: Sequence[Sequence[int]],
    confidence: float = 0.95,
    interval: Interval = "t",
) -> Estimate:
    """The mean share over seeds.

    Args:
        hits: For each seed, hits by question.
        counts: For each seed, samples by question, in the same order.
        confidence: Of the interval.
        interval: "t" over the seeds' shares; "bootstrap" over seeds, as in arXiv 2512.09742;
            "nested" over seeds and, within, questions.

    Returns:
        With one seed, Wilson's interval over its samples, which says nothing about other seeds.
    """
    totals = [sum(row) for row in counts]
    shares = np.array([sum(h) / n for h, n in zip(hits, totals, strict=True) if n])
    k, n = sum(map(sum, hits)), sum(totals)
    if not len(shares):
        return Estimate(math.nan, math.nan, math.nan, "no samples")
    pooled = wilson(k, n, confidence)
    mean = float(shares.mean())
    if len(shares) == 1:
        return Estimate(mean, *pooled, "Wilson over samples (one seed)")
    if interval == "bootstrap":
        low, high = _bootstrap(shares, confidence)
        return Estimate(mean, low, high, f"bootstrap over {len(shares)} seeds")
    if interval == "nested":
        low, high = _nested(hits, counts, confidence)
        return Estimate(mean, low, high, f"nested bootstrap: {len(shares)} seeds, questions")
    low, high = _t(shares, confidence)
    return Estimate(
        mean,
        max(0.0, min(low, pooled[0], mean)),
        min(1.0, max(high, pooled[1], mean)),
        f"t over {len(shares)} seeds, not narrower than Wilson over samples",
    )


def mean_over_seeds(shares: Sequence[float], confidence: float = 0.95) -> Estimate:
    """The mean over seeds of shares that were read, not counted.

    Args:
        shares: One for each seed.
        confidence: Of the interval.

    Returns:
        With one seed no interval (nan): a share that is read has no noise of its own.
    """
    mean = math.fsum(shares) / len(shares)
    if len(shares) == 1:
        return Estimate(mean, math.nan, math.nan, "read from the model (one seed: no interval)")
    low, high = _t(np.array(shares), confidence)
    method = f"t over {len(shares)} seeds; read from the model, not drawn"
    return Estimate(mean, max(0.0, low), min(1.0, high), method)


def _t(shares: Floats, confidence: float) -> tuple[float, float]:
    spread = float(shares.std(ddof=1)) / math.sqrt(len(shares))
    reach = float(special.stdtrit(len(shares) - 1, 0.5 + confidence / 2)) * spread
    mean = float(shares.mean())
    return mean - reach, mean + reach


def _percentiles(values: Floats, confidence: float) -> tuple[float, float]:
    tail = 50 * (1 - confidence)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _bootstrap(shares: Floats, confidence: float) -> tuple[float, float]:
    """Percentile bootstrap of the mean (Efron 1979)."""
    rng = np.random.default_rng(SEED)
    drawn = rng.choice(shares, (RESAMPLES, len(shares))).mean(axis=1)
    return _percentiles(drawn, confidence)


def _nested(
    hits: Sequence[Sequence[int]], counts: Sequence[Sequence[int]], confidence: float
) -> tuple[float, float]:
    """Seeds are drawn, then questions, the same for all seeds of a resample."""
    k, n = np.array(hits, dtype=float), np.array(counts, dtype=float)
    rows, times = _resamples(*k.shape)
    # Of each seed over each resample's questions; whole numbers, so the order of sums is nothing.
    total = (times @ n.T)[_ALL, rows]
    share = (times @ k.T)[_ALL, rows] / np.maximum(total, 1)
    if (total > 0).all():
        return _percentiles(share.mean(axis=1), confidence)
    values = [own[there].mean() for own, there in zip(share, total > 0, strict=True) if there.any()]
    return _percentiles(np.array(values), confidence)


_ALL = np.arange(RESAMPLES)[:, None]


@lru_cache(maxsize=16)
def _resamples(seeds: int, questions: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Which seeds each resample has, and how often each question: the same for all arms."""
    rng = np.random.default_rng(SEED)
    rows = np.empty((RESAMPLES, seeds), dtype=np.int64)
    times = np.empty((RESAMPLES, questions))
    for index in range(RESAMPLES):
        rows[index] = rng.integers(0, seeds, seeds)
        times[index] = np.bincount(rng.integers(0, questions, questions), minlength=questions)
    return rows, times


def difference(arm: Estimate, control: Estimate) -> tuple[float, float, float]:
    """The difference of two independent shares and its interval, from their intervals.

    The square-and-add method (Newcombe 1998, method 10; Zou and Donner 2008, "MOVER").
    """
    gap = arm.rate - control.rate
    low = gap - math.hypot(arm.rate - arm.low, control.high - control.rate)
    high = gap + math.hypot(arm.high - arm.rate, control.rate - control.low)
    return gap, max(-1.0, low), min(1.0, high)


def permute_seeds(arm: Sequence[float], control: Sequence[float]) -> Test | None:
    """Exchange seeds between arm and control (Fisher 1935); all ways, or a seeded sample of them.

    Returns:
        None unless both have at least two seeds.
    """
    if len(arm) < 2 or len(control) < 2:
        return None
    values, size = np.array([*arm, *control]), len(arm)
    seen = abs(values[:size].mean() - values[size:].mean())
    sums = values[_exchanges(len(values), size)].sum(axis=1)
    # Among ways that were drawn, the arrangement that was seen counts as one more.
    extra = int(math.comb(len(values), size) > PERMUTATIONS)
    gaps = np.abs(sums / size - (values.sum() - sums) / (len(values) - size))
    reached = int((gaps >= seen - 1e-12).sum()) + extra
    tried = len(sums) + extra
    # Arms of one size can be exchanged as a whole, which gives the same absolute difference; among
    # ways that were drawn, that one need not be.
    least = (2 if size * 2 == len(values) and not extra else 1) / tried
    method = f"permutation of {size}+{len(values) - size} seeds"
    return Test(reached / tried, least, method)


@lru_cache(maxsize=16)
def _exchanges(seeds: int, size: int) -> npt.NDArray[np.int64]:
    """Which of all seeds stand in the arm, for every way that is tried: the same for all arms."""
    if math.comb(seeds, size) <= PERMUTATIONS:
        return np.array(list(itertools.combinations(range(seeds), size)))
    rng = np.random.default_rng(SEED)
    return np.array([rng.permutation(seeds)[:size] for _ in range(PERMUTATIONS - 1)])


def flip_questions(differences: Sequence[float]) -> Test | None:
    """Flip the signs of the questions' differences; says nothing about other seeds.

    Returns:
        None if there are fewer than two questions.
    """
    values = np.array([value for value in differences if not math.isnan(value)])
    if len(values) < 2:
        return None
    seen = abs(values.mean())
    signs = _flips(len(values))
    extra = int(2 ** len(values) > PERMUTATIONS)
    reached = int((np.abs((signs * values).mean(axis=1)) >= seen - 1e-12).sum()) + extra
    tried = len(signs) + extra
    least = max(2 / 2 ** len(values), 1 / tried)
    return Test(reached / tried, least, f"sign flips of {len(values)} questions")


@lru_cache(maxsize=16)
def _flips(questions: int) -> npt.NDArray[np.int8]:
    """The signs of the questions, for every way that is tried: the same for all arms."""
    if 2**questions <= PERMUTATIONS:
        return np.array(list(itertools.product((1, -1), repeat=questions)), dtype=np.int8)
    rng = np.random.default_rng(SEED)
    return rng.choice((-1, 1), (PERMUTATIONS - 1, questions)).astype(np.int8)


def holm(values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of p-values (Holm 1979)."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted = [0.0] * len(values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = largest
    return adjusted


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


def agreement(pairs: Sequence[tuple[str, str]], confidence: float = 0.95) -> Agreement:
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
    bounds = _percentiles(kappas, confidence) if len(kappas) else (math.nan, math.nan)
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
