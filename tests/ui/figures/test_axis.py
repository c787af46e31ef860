"""Estimates drawn on an axis: exact strings, at the ends, tiny, and without a number."""

from __future__ import annotations

import math

import pytest

from wgen_tui.ui.state.figures.axis import (
    DIFFERENCES,
    SHARES,
    Estimate,
    around,
    bare,
    drawn,
    heading,
)


@pytest.mark.parametrize(
    ("estimate", "picture"),
    [
        (Estimate(0.5, 0.2, 0.8), "··├──●──┤··"),
        (Estimate(0.5, 0.2, 0.8, (0.3, 0.5, 0.6)), "··├○─◉○─┤··"),
        (Estimate(0.5, 0.4, 0.6, (0.0, 1.0)), "○···├●┤···○"),
        (Estimate(0.0, 0.0, 0.0), "●··········"),
        (Estimate(1.0, 0.9, 1.0), "·········├●"),
        (Estimate(0.98, -0.2, 1.4), "├─────────●"),
        (Estimate(0.3), "···●·······"),
        (Estimate(None), "···········"),
        (Estimate(None, 0.1, 0.5), "···········"),
        (Estimate(math.nan, 0.1, 0.5, (math.nan, 0.5)), "·····○·····"),
        (Estimate(0.5, math.nan, 0.6), "·····●·····"),
        (Estimate(0.5, -math.inf, math.inf), "·····●·····"),
    ],
)
def test_an_estimate_on_the_axis_of_shares(estimate: Estimate, picture: str) -> None:
    assert drawn(estimate, 11) == picture


def test_a_difference_has_a_line_at_none() -> None:
    assert drawn(Estimate(0.8, 0.6, 1.0), 11, DIFFERENCES, 0.0) == "·····│··├●┤"
    assert drawn(Estimate(-0.2, -0.6, 0.2), 11, DIFFERENCES, 0.0) == "··├─●─┤····"
    assert drawn(Estimate(None), 11, DIFFERENCES, 0.0) == "·····│·····"
    assert drawn(Estimate(0.3), 11, SHARES, 2.0) == "···●·······", "a mark beyond the axis"


@pytest.mark.parametrize("width", range(-1, 5))
def test_the_width_is_kept_however_small(width: int) -> None:
    for estimate in (Estimate(0.5, 0.2, 0.8, (0.1, 0.9)), Estimate(None)):
        assert len(drawn(estimate, width, DIFFERENCES, 0.0)) == max(width, 0)
        assert len(heading(width)) == max(width, 0)
    assert drawn(Estimate(0.7, 0.2, 0.8), 1) == "●"


@pytest.mark.parametrize(
    ("width", "axis", "unit", "text"),
    [
        (21, SHARES, "%", "0%       50%     100%"),
        (11, SHARES, "%", "0%  50%100%"),
        (10, SHARES, "%", "0%    100%"),
        (21, DIFFERENCES, "points", "-100      0      +100"),
        (15, (0.0, 80.0), "", "0     40     80"),
    ],
)
def test_the_ends_stand_over_the_axis(
    width: int, axis: tuple[float, float], unit: str, text: str
) -> None:
    assert heading(width, axis, unit=unit) == text


def test_the_middle_stands_over_the_middle() -> None:
    for width in (13, 16, 21, 40, 61):
        for axis, unit, middle in ((SHARES, "%", "50%"), (DIFFERENCES, "points", " 0 ")):
            head = heading(width, axis, unit=unit)
            picture = drawn(Estimate(sum(axis) / 2), width, axis)
            assert abs(head.index(middle) + 1 - picture.index("●")) <= 1, (width, unit)


def test_what_is_only_axis_is_told_apart() -> None:
    picture = drawn(Estimate(0.8, 0.6, 1.0), 11, DIFFERENCES, 0.0)
    assert list(bare(picture)) == [(0, 8)]
    assert list(bare(drawn(Estimate(0.5, 0.4, 0.6), 11))) == [(0, 4), (7, 11)]


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([3.0, 47.5, None, math.nan], (0.0, 50.0)),
        ([61.0, 66.0], (61.0, 66.0)),
        ([-2.0, 12.0], (-5.0, 15.0)),
        ([5.0], (5.0, 6.0)),
        ([], SHARES),
        ([0.0], (0.0, 0.5)),
    ],
)
def test_round_ends_hold_every_value(values: list[float | None], ends: tuple[float, float]) -> None:
    low, high = around(values)
    assert (low, high) == pytest.approx(ends)
    assert low < high
