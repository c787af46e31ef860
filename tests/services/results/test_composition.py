"""Each question counts once, however often it was drawn: in rates, differences and intervals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from scipy import stats as scipy_stats

from experiments.schema import Analysis, Contrast, Primary
from wgen_tui.paths import Home
from wgen_tui.services.measures.cells import Cell, Cells, Key
from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
from wgen_tui.services.rates.rate_table import RateTable
from wgen_tui.services.results import uneven_draws
from wgen_tui.services.results.compared import Compared
from wgen_tui.services.statistics import intervals
from wgen_tui.services.statistics.composition import Composition, Part

PLAN = Analysis(
    primary=Primary(judge="era", label="old"), contrasts=(Contrast(arm="old", control="new"),)
)
SHARES = {"easy": 0.9, "hard": 0.1}
INTERVALS = get_args(intervals.Interval)


def cells_of(arm: str, draws: list[dict[str, int]], shares: dict[str, float] = SHARES) -> Cells:
    """One arm with the same share of each question at every seed; keys may name a variant."""
    role = "treatment" if arm == "old" else "control"
    cells = {}
    for seed, row in enumerate(draws):
        for asked, n in row.items():
            question, _, variant = asked.partition("/")
            key = Key("tiny", arm, role, seed, 10, question, variant or "none")
            broken = n // 2 if asked == "hard" else 0
            cells[key] = Cell(n, round(n * shares[asked]), 0, broken, 0)
    return cells


def made(
    cells: Cells, interval: intervals.Interval = "t"
) -> tuple[dict[tuple[str, str | None], Rate], dict[str | None, ContrastResult]]:
    table = RateTable(cells, PLAN, interval)
    rates = {(r.arm, r.question): r for r in table.rates(("question",)) if r.seed is None}
    return rates, {c.question: c for c in table.contrasts(("question",))}


def noted(cells: Cells) -> list[str]:
    """What is said of the draws."""
    compared = Compared(Home(Path("none")), "x", [], None, cells=cells)
    made_by = (uneven_draws.between_runs, uneven_draws.between_questions)
    return [note.text for make in made_by for note in make(compared)]


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize(
    "draws",
    [
        pytest.param([{"easy": 20, "hard": n} for n in (20, 10, 0)], id="a seed lacks a question"),
        pytest.param([{"easy": 20, "hard": 10}] * 3, id="fewer of one question"),
        pytest.param([{"easy": 20, "hard": n} for n in (200, 20, 10)], id="topped up"),
        pytest.param([{"easy": 20, "hard": n} for n in (10, 0, 0)], id="one seed has all"),
        pytest.param([{"easy": 20}, {"easy": 20}, {"hard": 20}], id="no seed has all"),
        pytest.param([{"easy": 20, "hard": n} for n in (100, 20)], id="fewer seeds"),
    ],
)
def test_the_same_shares_of_each_question_differ_by_nothing(
    draws: list[dict[str, int]], interval: intervals.Interval
) -> None:
    cells = cells_of("old", draws) | cells_of("new", [{"easy": 20, "hard": 20}] * 3)
    rates, contrasts = made(cells, interval)
    for question, share in (("easy", 0.9), ("hard", 0.1), (None, 0.5)):
        assert rates["old", question].rate == pytest.approx(share)
        assert rates["new", question].rate == pytest.approx(share)
        contrast = contrasts[question]
        assert contrast.difference == pytest.approx(0)
        assert contrast.low is not None and contrast.low <= 1e-9
        assert contrast.high is not None and contrast.high >= -1e-9
        assert contrast.p is None or contrast.p == 1
    assert rates["old", None].n == sum(map(sum, (row.values() for row in draws)))
    assert rates["old", None].broken == pytest.approx(0.25), "broken answers follow no draws either"
    assert noted(cells)


def test_fewer_draws_of_a_variant_move_nothing_either() -> None:
    shares = {"q/plain": 0.9, "q/dated": 0.1, "r/plain": 0.5}
    full = {"q/plain": 20, "q/dated": 60, "r/plain": 20}
    cells = cells_of("new", [full] * 3, shares)
    cells |= cells_of("old", [{**full, "q/dated": n} for n in (60, 10, 0)], shares)
    rates, contrasts = made(cells)
    # Within a question variants weigh what a run that has all draws of them.
    assert rates["new", "q"].rate == pytest.approx((18 + 6) / 80)
    assert rates["old", "q"].rate == pytest.approx(24 / 80)
    assert rates["old", None].rate == pytest.approx((24 / 80 + 0.5) / 2)
    assert contrasts[None].difference == pytest.approx(0)


def test_a_difference_is_over_what_both_were_asked() -> None:
    cells = cells_of("old", [{"easy": 20, "hard": 20}] * 3) | cells_of("new", [{"easy": 20}] * 3)
    rates, contrasts = made(cells)
    assert rates["old", None].rate == pytest.approx(0.5)
    assert rates["new", None].rate == pytest.approx(0.9)
    assert contrasts[None].difference == pytest.approx(0)
    assert contrasts[None].questions == 1
    compared = Compared(Home(Path("none")), "x", [], None, contrasts=list(contrasts.values()))
    (note,) = uneven_draws.of_contrasts(compared)
    assert "over the 1 of its questions that both have graded draws of" in note.text
    assert note.text.endswith("left out: hard")
    nothing = cells_of("old", [{"hard": 20}] * 3) | cells_of("new", [{"easy": 20}] * 3)
    contrasts = made(nothing)[1]
    assert (contrasts[None].difference, contrasts[None].low, contrasts[None].p) == (None,) * 3
    assert "no question" in contrasts[None].method


@pytest.mark.parametrize("interval", INTERVALS)
def test_even_draws_give_hits_over_draws_to_the_last_digit(interval: intervals.Interval) -> None:
    rng = np.random.default_rng(4)
    counts = np.full((4, 7), 13)
    hits = rng.binomial(13, 0.3, counts.shape)
    counted = Composition.of(hits.tolist(), counts.tolist())
    pooled = [sum(row) / 91 for row in hits.tolist()]
    assert counted.shares.tolist() == pooled
    assert counted.pooled == (int(hits.sum()) / 364, 364)
    assert counted.rate == float(np.mean(pooled))
    assert intervals.over_seeds(counted, interval=interval).rate == counted.rate
    # So do questions of several variants, however many draws these have.
    parts = [Part("a", "x", 10), Part("a", "y", 30), Part("b", "x", 40)]
    variants = Composition.of([[1, 2, 3]], [[10, 30, 40]], parts)
    assert variants.pooled == (6 / 80, 80)
    assert variants.shares.tolist() == [6 / 80]


def test_what_lacks_is_said_with_where() -> None:
    cells = cells_of("old", [{"easy": 20, "hard": n} for n in (20, 10, 0)])
    assert noted(cells) == [
        "old, seed 1 lacks 10 of 40 draws that other runs have (25.0%): hard 10 of 20",
        "old, seed 2 lacks 20 of 40 draws that other runs have (50.0%): hard 0 of 20",
    ]
    (said,) = noted(cells_of("old", [{"easy": 20, "hard": 80}] * 2))
    assert said.startswith("questions have 20 to 80 draws in a run")
    assert noted(cells_of("old", [{"easy": 20, "hard": 20}] * 2)) == []
    many = noted(cells_of("old", [{"easy": 20}, *[{"easy": 10}] * 5]))
    assert many[-1] == "2 more runs lack draws that others have"


def test_one_question_has_wilsons_interval() -> None:
    found = intervals.over_seeds(Composition.of([[3]], [[17]]))
    expected = scipy_stats.binomtest(3, 17).proportion_ci(method="wilson")
    assert (found.low, found.high, found.within) == (expected.low, expected.high, "one run")


@pytest.mark.parametrize(
    ("draws", "chances"),
    [
        ((40, 40), (0.9, 0.1)),
        ((60, 10), (0.9, 0.3)),
        ((10, 60), (0.5, 0.05)),
        ((5, 10, 20, 40, 80), (0.8, 0.2, 0.5, 0.1, 0.6)),
        ((8, 8, 8, 200), (0.5, 0.4, 0.6, 0.01)),
    ],
)
def test_the_interval_within_a_run_covers_the_mean_of_uneven_questions(
    draws: tuple[int, ...], chances: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(0)
    truth, covered, times = math.fsum(chances) / len(chances), 0, 400
    for _ in range(times):
        hits = rng.binomial(draws, chances).tolist()
        found = intervals.over_seeds(Composition.of([hits], [list(draws)]))
        covered += found.low <= truth <= found.high
    assert covered / times > 0.93


def test_arms_without_graded_samples_have_no_rate_and_no_difference() -> None:
    ungraded = {key: Cell(0, 0, 0, 0, 9) for key in cells_of("new", [{"easy": 9, "hard": 9}] * 2)}
    rates, contrasts = made(cells_of("old", [{"easy": 20, "hard": 20}] * 2) | ungraded)
    empty = rates["new", None]
    assert (empty.rate, empty.low, empty.high, empty.broken, empty.n) == (None,) * 4 + (0,)
    assert (contrasts[None].difference, contrasts[None].p) == (None, None)
