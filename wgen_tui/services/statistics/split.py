"""Whether the seeds of an arm split in two: a fine-tune often comes out one way or another.

Promises: pure functions; what is drawn is seeded. Of arms whose seeds scatter normally, or as draws
of one chance do, at most 5% are called split.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

ENOUGH = 6  # with fewer seeds, two groups and chance look alike
FALSE_ALARMS = 0.05
SIMULATED = 10_000  # arms, of up to a hundred seeds; fewer of more
NOISE = 3.0  # the groups' means are further apart than so many standard errors of a seed's share
SEED = 0
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Split:
    """Two groups of seeds, by their shares.

    Attributes:
        low: The mean of the lower group, of `below` seeds.
        high: The mean of the upper group, of `above` seeds.
    """

    below: int
    low: float
    above: int
    high: float


def split_of(shares: Sequence[float], noise: float) -> Split | None:
    """The two groups that an arm's seeds fall into; None where they do not, or are too few to tell.

    Args:
        shares: Of the seeds.
        noise: Standard error of one seed's share, by its draws alone.
    """
    if len(shares) < ENOUGH:
        return None
    values = np.sort(np.asarray(shares, dtype=np.float64))
    scatter, below = _within(values[None, :])
    if not scatter[0] < _limit(len(values)):
        return None
    cut = int(below[0])
    low, high = float(values[:cut].mean()), float(values[cut:].mean())
    if high - low < NOISE * noise:
        return None
    return Split(cut, low, len(values) - cut, high)


def _within(rows: Floats) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Of sorted rows: the scatter that is left within the best two groups, and the lower's size.

    The scatter is a share of all of it (the two-means cluster index); nan where there is none.
    """
    size = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    below = np.arange(1, size)
    sums = np.cumsum(centred, axis=1)[:, :-1]
    between = sums**2 / below + sums**2 / (size - below)
    whole = (centred**2).sum(axis=1)
    share = np.full(len(rows), math.nan)
    some = whole > 1e-18
    share[some] = 1 - between.max(axis=1)[some] / whole[some]
    return share, between.argmax(axis=1) + 1


@lru_cache(maxsize=64)
def _limit(seeds: int) -> float:
    """What the share falls below for 5% of arms whose seeds are normal."""
    rng = np.random.default_rng(SEED)
    arms = SIMULATED * 100 // max(100, seeds)
    drawn = np.sort(rng.standard_normal((arms, seeds)), axis=1)
    return float(np.quantile(_within(drawn)[0], FALSE_ALARMS))
