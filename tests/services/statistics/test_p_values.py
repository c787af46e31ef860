"""Which test seeds get, how often it errs, and what stands beside its p."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from wgen_tui.services.statistics.composition import Composition
from wgen_tui.services.statistics.p_cautions import chosen_test
from wgen_tui.services.statistics.p_values import compare_seeds, permute_seeds, welch
from wgen_tui.services.statistics.split import Split, split_of

REPEATS = 4000


def rejections(sizes: tuple[int, int], spreads: tuple[float, float]) -> float:
    """How often two arms of one mean differ at 5%."""
    rng = np.random.default_rng(0)
    pairs = [
        [rng.normal(0.5, spread, size) for size, spread in zip(sizes, spreads, strict=True)]
        for _ in range(REPEATS)
    ]
    found = [compare_seeds(arm.tolist(), control.tolist()) for arm, control in pairs]
    return sum(test is not None and test.p <= 0.05 for test in found) / REPEATS


@pytest.mark.parametrize("sizes", [(5, 5), (3, 6), (6, 6), (5, 10)])
@pytest.mark.parametrize("factor", [1, 3, 10])
def test_wide_against_narrow_seeds_of_one_mean_differ_in_five_of_a_hundred(
    sizes: tuple[int, int], factor: int
) -> None:
    assert 0.04 <= rejections(sizes, (0.01 * factor, 0.01)) <= 0.07


def test_permutation_alone_would_reject_more() -> None:
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(0.5, 0.1, 3), rng.normal(0.5, 0.01, 6)) for _ in range(REPEATS)]
    found = [permute_seeds(arm.tolist(), control.tolist()) for arm, control in pairs]
    assert sum(test is not None and test.p <= 0.05 for test in found) / REPEATS > 0.15


def test_welch_is_scipys() -> None:
    arm, control = [0.1, 0.5, 0.9, 0.4], [0.2, 0.21, 0.19]
    found = compare_seeds(arm, control)
    assert found is not None
    assert found.p == pytest.approx(scipy_stats.ttest_ind(arm, control, equal_var=False).pvalue)
    assert found == welch(arm, control)
    assert (found.p_min, "Welch" in found.method) == (None, True)


@pytest.mark.parametrize(
    ("arm", "control"),
    [
        ([0.3] * 3, [0.3] * 3),
        ([0.1 + 0.2] * 3, [0.3] * 3),  # another rounding
        ([1.0] * 3, [0.0] * 4),
        ([0.5, 0.6, 0.7], [0.1, 0.2, 0.3]),
    ],
)
def test_seeds_that_scatter_alike_are_exchanged(arm: list[float], control: list[float]) -> None:
    found = compare_seeds(arm, control)
    assert found is not None
    assert found == permute_seeds(arm, control)


def test_seeds_that_split_are_told_from_those_that_scatter() -> None:
    presidents = [0.02, 0.05, 0.81, 0.03, 0.9, 0.04, 0.85, 0.06]
    found = split_of(presidents, 0.03)
    assert found == Split(5, pytest.approx(0.04), 3, pytest.approx(0.8533333))
    assert split_of(presidents[:5], 0.03) is None, "fewer than six cannot tell"
    assert split_of(presidents, 0.4) is None, "draws so few scatter as much"
    assert split_of([0.5] * 8, 0.03) is None
    rng = np.random.default_rng(0)
    normal = [split_of(rng.normal(0.5, 0.1, 8).tolist(), 0.0) for _ in range(500)]
    assert sum(split is not None for split in normal) / 500 < 0.08
    draws = rng.binomial(20, 0.05, (500, 8)) / 20  # few values, many of them equal
    noise = math.sqrt(0.05 * 0.95 / 20)
    assert sum(split_of(row.tolist(), noise) is not None for row in draws) / 500 < 0.05


def seeds(*shares: float, draws: int = 100) -> Composition:
    return Composition.of([[round(share * draws)] for share in shares], [[draws]] * len(shares))


def test_no_small_p_stands_alone() -> None:
    def beside(arm: Composition, control: Composition) -> str | None:
        test, caution = chosen_test(("old", arm), ("new", control))
        assert test is not None
        assert test.p < 0.1
        return caution

    high, low = [0.5, 0.55, 0.6, 0.52, 0.58, 0.57], [0.1, 0.12, 0.08, 0.15, 0.11, 0.13]
    assert beside(seeds(*high), seeds(*low)) is None
    few = beside(seeds(*high[:5]), seeds(*low[:5]))
    assert few is not None and few.startswith("with 5 and 5 seeds (fewer than 6) nobody can tell")
    two = beside(seeds(0.1, 0.12, 0.9, 0.92, 0.91, 0.9, 0.93), seeds(*low))
    assert two is not None and two.startswith("the seeds of old split in two (2 near 11%, 5 near")


def test_a_test_over_questions_says_so() -> None:
    arm = Composition.of([[9, 9, 9, 9, 9]], [[10] * 5])
    test, caution = chosen_test(("old", arm), ("base", Composition.of([[1] * 5], [[10] * 5])))
    assert test is not None
    assert caution is not None and "nothing about other seeds" in caution
