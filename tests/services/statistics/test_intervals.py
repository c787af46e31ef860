"""The statistics, against scipy and against cases that can be counted by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from wgen_tui.services.statistics import intervals, p_values
from wgen_tui.services.statistics.composition import Composition
from wgen_tui.services.statistics.intervals import Interval

NOTHING = [[0] * 4] * 3
TWENTY = [[20] * 4] * 3
Table = list[list[int]]


def over_seeds(hits: Table, counts: Table, interval: Interval = "t") -> intervals.Estimate:
    return intervals.over_seeds(Composition.of(hits, counts), interval=interval)


def test_one_seed_has_wilsons_interval() -> None:
    found = over_seeds([[7, 3]], [[10, 10]])
    expected = scipy_stats.binomtest(10, 20).proportion_ci(method="wilson")
    assert (found.rate, found.low, found.high) == (0.5, expected.low, expected.high)
    assert "within one run" in found.method
    assert found.within == "one run"


def test_seeds_are_the_unit() -> None:
    found = over_seeds([[80], [60], [40]], [[100], [100], [100]])
    t = scipy_stats.t.interval(0.95, 2, loc=0.6, scale=scipy_stats.sem([0.8, 0.6, 0.4]))
    assert (found.low, found.high) == (max(0.0, t[0]), min(1.0, t[1]))


def test_an_arm_without_a_hit_is_not_certain() -> None:
    found = over_seeds(NOTHING, TWENTY)
    assert found.rate == found.low == 0
    assert found.high == pytest.approx(
        scipy_stats.binomtest(0, 240).proportion_ci(method="wilson").high
    )


def test_a_seed_without_samples_does_not_count() -> None:
    found = over_seeds([[8], [0], [4]], [[10], [0], [10]])
    assert found.rate == pytest.approx(0.6)
    assert "2 seeds" in found.method
    assert math.isnan(over_seeds([[0]], [[0]]).rate)


@pytest.mark.parametrize("interval", ["bootstrap", "nested"])
def test_bootstraps_repeat_and_hold_the_mean(interval: Interval) -> None:
    hits, counts = [[8, 2], [6, 6], [9, 1]], [[10, 10]] * 3
    found = over_seeds(hits, counts, interval=interval)
    assert found == over_seeds(hits, counts, interval=interval)
    assert found.low < found.rate < found.high


def test_nested_draws_seeds_then_questions_the_same_for_all_seeds() -> None:
    hits, counts = [[8, 2, 0, 5], [6, 6, 0, 1], [9, 1, 0, 0]], [[10] * 4] * 3
    share, rng = np.array(hits) / 10, np.random.default_rng(intervals.SEED)
    means = [
        share[np.ix_(rng.integers(0, 3, 3), rng.integers(0, 4, 4))].mean()
        for _ in range(intervals.RESAMPLES)
    ]
    expected = pytest.approx(tuple(np.percentile(means, [2.5, 97.5])), abs=1e-14)
    found = over_seeds(hits, counts, interval="nested")
    assert (found.low, found.high) == expected
    # Twice the draws of one question, with twice the hits, are the same shares.
    twice = [[2 * row[0], *row[1:]] for row in hits]
    found = over_seeds(twice, [[20, 10, 10, 10]] * 3, interval="nested")
    assert (found.low, found.high) == expected


@pytest.mark.parametrize(("k", "n"), [(0, 7), (7, 7), (3, 7), (1, 240), (123_456, 999_999)])
def test_wilson_is_scipys_to_the_last_digit(k: int, n: int) -> None:
    expected = scipy_stats.binomtest(k, n).proportion_ci(0.9, method="wilson")
    assert intervals.wilson(k, n, 0.9) == (expected.low, expected.high)


def test_a_difference_is_not_wider_than_it_can_be() -> None:
    arm = over_seeds([[20], [20], [20]], [[20]] * 3)
    control = over_seeds([[0], [0], [0]], [[20]] * 3)
    gap, low, high = intervals.difference(arm, control)
    assert gap == high == 1
    assert 0.8 < low < 1


def test_five_against_five_seeds_cannot_go_below_what_can_be_counted() -> None:
    found = p_values.permute_seeds([0.9, 0.8, 0.7, 0.95, 0.85], [0.1, 0.2, 0.0, 0.05, 0.15])
    assert found is not None
    assert found.p == found.p_min == pytest.approx(2 / math.comb(10, 5))
    assert p_values.permute_seeds([0.9], [0.1, 0.2]) is None


def test_drawn_permutations_count_the_one_that_was_seen() -> None:
    arm, control = [0.9 + i / 1000 for i in range(9)], [0.1 + i / 1000 for i in range(9)]
    found = p_values.permute_seeds(arm, control)
    assert found is not None
    assert found.p >= found.p_min == 1 / p_values.PERMUTATIONS


@pytest.mark.parametrize("sizes", [(3, 4), (9, 8)])  # all ways, and drawn ones
def test_seeds_are_exchanged_in_every_way_or_in_seeded_ones(sizes: tuple[int, int]) -> None:
    values = np.random.default_rng(1).random(sum(sizes)).round(2)
    arm, control = values[: sizes[0]], values[sizes[0] :]
    ways = [values[list(way)] for way in itertools.combinations(range(len(values)), sizes[0])]
    if len(ways) > p_values.PERMUTATIONS:
        rng = np.random.default_rng(p_values.SEED)
        ways = [rng.permutation(values)[: sizes[0]] for _ in range(p_values.PERMUTATIONS - 1)]
        ways.append(arm)
    seen = abs(arm.mean() - control.mean())
    rest = values.sum()
    gaps = [abs(w.sum() / len(arm) - (rest - w.sum()) / len(control)) for w in ways]
    found = p_values.permute_seeds(list(arm), list(control))
    assert found is not None
    assert found.p == sum(gap >= seen - 1e-12 for gap in gaps) / len(ways)


def test_flips_of_questions() -> None:
    found = p_values.flip_questions([0.5, 0.4, 0.6, 0.3])
    assert found is not None
    assert found.p == pytest.approx(2 / 2**4)
    assert p_values.flip_questions([0.5]) is None
