"""Tests of differences; docs/methods.md says what each tests, with its source.

Promises: pure functions; what is drawn is seeded, so the same data give the same p; every
permutation says the least p that it could have given.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from wgen_tui.services.statistics.quantiles import t_below

PERMUTATIONS = 10_000  # up to here all are tried
SEED = 0
# Two arms whose seeds scatter so much unlike are not exchanged: the permutation test would ask
# whether they scatter alike.
SPREAD_FACTOR = 2.0
ROUNDING = 1e-12  # shares that differ by less are one


@dataclass(frozen=True, slots=True)
class Test:
    """What came of a test.

    Attributes:
        p: Two-sided.
        p_min: The smallest p that this number of units can give; None where there is none.
        method: What was permuted, or which test it was.
    """

    p: float
    p_min: float | None
    method: str


def compare_seeds(arm: Sequence[float], control: Sequence[float]) -> Test | None:
    """Whether seeds of the arm have another mean than those of the control.

    Returns:
        A permutation test, or Welch's where the seeds of the two scatter unlike; None unless both
        have at least two seeds.
    """
    if len(arm) < 2 or len(control) < 2:
        return None
    one, other = (float(np.std(shares, ddof=1)) for shares in (arm, control))
    wide, narrow = max(one, other), min(one, other)
    # A permutation errs most where the arm of fewer seeds is the one that scatters.
    fewer_are_wide = (len(arm) - len(control)) * (one - other) < 0
    unlike = wide > SPREAD_FACTOR * narrow or fewer_are_wide
    if unlike and wide - narrow > ROUNDING:
        return welch(arm, control)
    return permute_seeds(arm, control)


def welch(arm: Sequence[float], control: Sequence[float]) -> Test:
    """Welch's t test for means of unequal spread (Welch 1947); one of them has some spread."""
    one, other = (np.var(shares, ddof=1) / len(shares) for shares in (arm, control))
    t = (np.mean(arm) - np.mean(control)) / math.sqrt(one + other)
    freedom = (one + other) ** 2 / (one**2 / (len(arm) - 1) + other**2 / (len(control) - 1))
    p = 2 * t_below(float(freedom), -abs(float(t)))
    return Test(p, None, f"Welch's t of {len(arm)}+{len(control)} seeds, which scatter unlike")


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
    reached = int((gaps >= seen - ROUNDING).sum()) + extra
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
    """Flip the signs of the questions' differences; says nothing about other seeds."""
    return flip_signs(differences)


def flip_signs(differences: Sequence[float], of: str = "questions") -> Test | None:
    """Flip the signs of paired differences (Fisher 1935).

    Args:
        differences: Of each unit.
        of: What the units are.

    Returns:
        None if there are fewer than two.
    """
    values = np.array([value for value in differences if not math.isnan(value)])
    if len(values) < 2:
        return None
    seen = abs(values.mean())
    signs = _flips(len(values))
    extra = int(2 ** len(values) > PERMUTATIONS)
    reached = int((np.abs((signs * values).mean(axis=1)) >= seen - ROUNDING).sum()) + extra
    tried = len(signs) + extra
    least = max(2 / 2 ** len(values), 1 / tried)
    return Test(reached / tried, least, f"sign flips of {len(values)} {of}")


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
