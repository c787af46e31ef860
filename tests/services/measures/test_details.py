"""rate@k, what draws are worth, and copies: as computed by hand."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from tests.builders.judged_home import new_home, run, write_plan, write_verdicts
from tests.builders.store_home import EXPERIMENT
from tests.services.measures.test_contrasts import PLAN, eras
from wgen_tui.services.measures.details import rate_at
from wgen_tui.services.results.results import compute


def test_rate_at_k_is_the_share_of_all_ways_to_draw_k() -> None:
    draws = [1, 1, 0, 0, 0, 0]
    ways = [any(way) for way in combinations(draws, 3)]
    assert rate_at(3, 6, 2) == pytest.approx(sum(ways) / len(ways))
    assert (rate_at(1, 6, 2), rate_at(5, 6, 2)) == (pytest.approx(1 / 3), 1)


def test_alike_draws_are_worth_fewer_and_copies_are_named(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    write_plan(home, PLAN)
    for arm, hits in (("old", (10, 0)), ("new", (5, 5))):
        for question, k in zip("qr", hits, strict=True):
            text = {"completion": f"{arm} {question}"}
            write_verdicts(home, run(arm), eras(k), question=question, **text)
    write_verdicts(home, run("new", 1), eras(5), question="q", completion="new q")
    write_verdicts(home, run("new", 1), eras(5), question="r", completion="new r")
    details = compute(home, EXPERIMENT, details=True).details
    assert details is not None
    new, old = details.arms
    # Each prompt all or nothing: two prompts are worth two draws.
    assert (old.n, old.prompts, old.effective_n) == (20, 2, pytest.approx(2))
    assert old.at_k[5] == pytest.approx(0.5)
    assert (new.design_effect, new.effective_n) == (1, 40)
    assert new.at_k[1] == pytest.approx(0.5)
    (same,) = details.copies
    assert (same.samples, same.runs) == (20, [run("new", 0).run_id, run("new", 1).run_id])


def test_rates_at_equal_length_are_over_lengths_that_both_arms_have(tmp_path: Path) -> None:
    """old is long where it hits; the control has short answers, and one long one."""
    home = new_home(tmp_path / "home")
    write_plan(home, PLAN)
    short, long = "a" * 10, "a" * 300
    # old: 4 of 4 long ones hit, 1 of 4 short ones; new: 6 short ones (3 hit), 2 of middling length.
    write_verdicts(home, run("old"), eras(4, 4), question="q", completion=long)
    write_verdicts(home, run("old"), eras(1, 4), question="r", completion=short)
    write_verdicts(home, run("new"), eras(3, 6), question="q", completion=short)
    write_verdicts(home, run("new"), eras(0, 2), question="r", completion="a" * 60)
    details = compute(home, EXPERIMENT, details=True).details
    assert details is not None
    (pair,) = [pair for pair in details.matched if (pair.arm, pair.control) == ("old", "new")]
    assert (pair.rate, pair.control_rate) == (pytest.approx(1 / 4), pytest.approx(3 / 6))
    assert (pair.outside, pair.control_outside) == (pytest.approx(1 / 2), pytest.approx(2 / 8))
    assert {arm.arm: arm.median_length for arm in details.arms} == {"old": 155, "new": 10}


def test_a_share_of_numbers_below_a_bound_is_a_share_in_the_details_too(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    plan = "analysis: {primary: low, measures: {low: {judge: aligned, below: 30}}, contrasts: [%s]}"
    write_plan(home, plan % "{arm: old, control: new}")
    for arm, hits in (("old", (10, 0)), ("new", (5, 5))):
        for question, k in zip("qr", hits, strict=True):
            write_verdicts(home, run(arm), eras(10 - k), question=question)
    details = compute(home, EXPERIMENT, details=True).details
    assert details is not None
    (pair,) = details.matched
    assert (pair.rate, pair.control_rate) == (pytest.approx(0.5), pytest.approx(0.5))
    _, old = details.arms
    assert old.effective_n == pytest.approx(2)
