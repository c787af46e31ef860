"""The arithmetic behind every number with an interval; docs/methods.md has formulas and sources.

Promises: pure functions; resampling is seeded, so the same data give the same interval; the default
interval is never narrower than the binomial noise of its samples, so an arm without a hit is not
certain. The bootstraps have no such floor: seeds that all agree give them no width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from wgen_tui.services.statistics.composition import Composition, Floats
from wgen_tui.services.statistics.quantiles import normal_quantile, t_quantile

Interval = Literal["t", "bootstrap", "nested"]
Within = Literal["one run", "these runs"]
INTERVALS: tuple[Interval, ...] = ("t", "bootstrap", "nested")
RESAMPLES = 2000
SEED = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its interval.

    Attributes:
        method: How the interval was made.
        within: What the interval speaks of where it says nothing about other seeds.
    """

    rate: float
    low: float
    high: float
    method: str
    within: Within | None = None


NOTHING = Estimate(math.nan, math.nan, math.nan, "no samples")


def wilson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for k of n (Wilson 1927)."""
    return _score(k / n, n, confidence) if n else (0.0, 1.0)


def _score(p: float, n: float, confidence: float) -> tuple[float, float]:
    """The same for a share of n samples, or of draws that are worth n."""
    z = normal_quantile(0.5 + 0.5 * confidence)
    width = 2 * (n + z**2)
    center = (2 * n * p + z**2) / width
    reach = z / width * math.sqrt(4 * n * p * (1 - p) + z**2)
    return (0.0 if p == 0 else center - reach), (1.0 if p == 1 else center + reach)


def score(p: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share of n, where it need not be whole hits."""
    return _score(p, n, confidence) if n else (0.0, 1.0)


def around(
    value: float, error: float | None, freedom: int, confidence: float = 0.95
) -> tuple[float | None, float | None]:
    """Student's t interval around a value with a standard error; none where there is none."""
    if error is None or freedom < 1:
        return None, None
    reach = t_quantile(freedom, 0.5 + confidence / 2) * error
    return value - reach, value + reach


def over_seeds(
    counted: Composition, confidence: float = 0.95, interval: Interval = "t"
) -> Estimate:
    """The share (or mean) of an arm, each question once, with its interval over seeds.

    The place is that of all seeds; the spread that of the seeds that have everything.

    Args:
        counted: Hits and draws by seed and what was asked.
        confidence: Of the interval.
        interval: "t" over the seeds' shares; "bootstrap" over seeds, as in arXiv 2512.09742;
            "nested" over seeds and, within, questions.

    Returns:
        With fewer than two seeds that have everything, Wilson's interval over the samples (of a
        mean, Student's t over them), which says nothing about other seeds.
    """
    seeds = len(counted.counts)
    if not seeds:
        return NOTHING
    rate, shares = counted.rate, counted.shares[counted.complete]
    name, pooled, limits = _of_draws(counted, confidence)
    if seeds == 1:
        over = "samples" if counted.level else "samples, each question once"
        return Estimate(rate, *pooled, f"{name} over {over}, within one run", "one run")
    if len(shares) < 2:
        method = f"{name} over samples, within these runs: no two seeds have every question"
        return Estimate(rate, *pooled, method, "these runs")
    of = str(seeds) if len(shares) == seeds else f"the {len(shares)} complete of {seeds}"
    # The bounds go where the seeds that lack a question move the rate.
    moved = 0.0 if len(shares) == seeds else rate - float(shares.mean())
    if interval == "bootstrap":
        low, high = _bootstrap(shares, confidence)
        return _moved(rate, low, high, moved, f"bootstrap over {of} seeds", limits)
    if interval == "nested":
        low, high = _nested(counted, confidence)
        method = f"nested bootstrap: {of} seeds, questions"
        return _moved(rate, low, high, moved, method, limits)
    low, high = _t(shares, confidence)
    floor = pooled if not math.isnan(pooled[0]) else (rate, rate)
    return _moved(
        rate,
        min(low + moved, floor[0], rate) - moved,
        max(high + moved, floor[1], rate) - moved,
        moved,
        f"t over {of} seeds, not narrower than {name} over samples",
        limits,
    )


def draws_interval(counted: Composition, confidence: float) -> tuple[float, float]:
    """The interval of a share (or mean) that the draws alone give; nan where they can't."""
    return _of_draws(counted, confidence)[1]


def t_interval(values: Sequence[float], confidence: float) -> tuple[float, float]:
    """Student's t interval for the mean of at least two values (Student 1908)."""
    return _t(np.array(values), confidence)


def _of_draws(
    counted: Composition, confidence: float
) -> tuple[str, tuple[float, float], tuple[float, float]]:
    """The interval that the draws alone give, by its name, and the limits of what is measured."""
    if counted.squares is None:
        return "Wilson", _score(*counted.pooled, confidence), (0.0, 1.0)
    error, freedom = counted.spread
    if not freedom:
        return "t", (math.nan, math.nan), (-math.inf, math.inf)
    reach = t_quantile(freedom, 0.5 + confidence / 2) * error
    return "t", (counted.rate - reach, counted.rate + reach), (-math.inf, math.inf)


def _moved(
    rate: float, low: float, high: float, by: float, method: str, limits: tuple[float, float]
) -> Estimate:
    return Estimate(rate, max(limits[0], low + by), min(limits[1], high + by), method)


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
    reach = t_quantile(len(shares) - 1, 0.5 + confidence / 2) * spread
    mean = float(shares.mean())
    return mean - reach, mean + reach


def percentiles(values: Floats, confidence: float) -> tuple[float, float]:
    tail = 50 * (1 - confidence)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _bootstrap(shares: Floats, confidence: float) -> tuple[float, float]:
    """Percentile bootstrap of the mean (Efron 1979)."""
    rng = np.random.default_rng(SEED)
    drawn = rng.choice(shares, (RESAMPLES, len(shares))).mean(axis=1)
    return percentiles(drawn, confidence)


def _nested(counted: Composition, confidence: float) -> tuple[float, float]:
    """Seeds are drawn, then what was asked, the same for all seeds of a resample."""
    k, n = (values[counted.complete] for values in counted.ratio)
    rows, times = _resamples(*k.shape)
    # Of each seed over each resample's questions; of even seeds the numbers are whole, so that the
    # order of sums is nothing.
    share = (times @ k.T)[_ALL, rows] / (times @ n.T)[_ALL, rows]
    return percentiles(share.mean(axis=1), confidence)


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


def difference(arm: Estimate, control: Estimate, limit: float = 1.0) -> tuple[float, float, float]:
    """The difference of two independent shares and its interval, from their intervals.

    The square-and-add method (Newcombe 1998, method 10; Zou and Donner 2008, "MOVER").

    Args:
        arm: One of them.
        control: What is taken off.
        limit: The largest difference that there can be.
    """
    gap = arm.rate - control.rate
    if math.isnan(gap):
        return gap, gap, gap  # max() and min() would make bounds of it
    low = gap - math.hypot(arm.rate - arm.low, control.high - control.rate)
    high = gap + math.hypot(arm.high - arm.rate, control.rate - control.low)
    return gap, max(-limit, low), min(limit, high)
