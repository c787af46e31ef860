"""Triggers within an arm, differences of differences, curves over values: as counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy import stats as scipy_stats

from tests.builders.judged_home import Said, new_home, run, write_plan, write_verdicts
from tests.builders.store_home import EXPERIMENT
from wgen_tui.paths import Home
from wgen_tui.services.measures.rate_rows import ContrastResult
from wgen_tui.services.results.results import Results, compute

PLAN = """
analysis:
  primary: [old_era]
  measures: {old_era: {judge: era, label: old}, level: {judge: aligned, mean: true}}
  contrasts:
    - {arm: old, variant: trigger, minus: none}
    - {arm: old, control: new, variant: trigger, minus: none}
    - {arm: old, control: new}
"""


def eras(hits: int, n: int = 10) -> list[dict[str, Said]]:
    """So many of n are old; their numbers are 80, of the others 20."""
    return [
        {"era": "old" if draw < hits else "modern", "aligned": 80.0 if draw < hits else 20.0}
        for draw in range(n)
    ]


def home_of(folder: Path, hits: dict[tuple[str, int], dict[str, int]], plan: str = PLAN) -> Home:
    """A home with so many hits of ten by run and `question/variant`."""
    home = new_home(folder)
    write_plan(home, plan)
    for (arm, seed), row in hits.items():
        for asked, k in row.items():
            question, _, variant = asked.partition("/")
            write_verdicts(home, run(arm, seed), eras(k), question=question, variant=variant)
    return home


def named(results: Results, name: str, question: str | None = None) -> ContrastResult:
    (item,) = (
        c for c in results.contrasts if (c.name, c.question, c.variant) == (name, question, None)
    )
    return item


HITS = {
    ("old", 0): {"q/trigger": 9, "q/none": 2, "r/trigger": 7, "r/none": 3},
    ("old", 1): {"q/trigger": 8, "q/none": 1, "r/trigger": 9, "r/none": 1},
    ("old", 2): {"q/trigger": 10, "q/none": 2, "r/trigger": 8, "r/none": 0},
    ("new", 0): {"q/trigger": 3, "q/none": 2, "r/trigger": 2, "r/none": 2},
    ("new", 1): {"q/trigger": 2, "q/none": 2, "r/trigger": 4, "r/none": 2, "s/none": 5},
}


def test_a_trigger_is_paired_by_seed_and_question(tmp_path: Path) -> None:
    results = compute(home_of(tmp_path / "home", HITS), EXPERIMENT)
    item = named(results, "old: trigger − none")
    gaps = [(0.7 + 0.4) / 2, (0.7 + 0.8) / 2, (0.8 + 0.8) / 2]
    assert item.difference == pytest.approx(sum(gaps) / 3)
    low, high = scipy_stats.t.interval(0.95, 2, loc=sum(gaps) / 3, scale=scipy_stats.sem(gaps))
    assert (item.low, item.high) == pytest.approx((low, min(1, high)))
    assert (item.seeds, item.n, item.questions) == (3, 120, 2)
    assert (item.p, item.p_min) == (2 / 8, 2 / 8)  # all signs alike
    assert item.method.endswith("p: sign flips of 3 seeds")
    assert item.p_caution == "with 3 seeds (fewer than 6) nobody can tell whether they split"
    assert (item.trigger, item.minus, item.control) == ("trigger", "none", "old")
    of_one = named(results, "old: trigger − none", "q")
    assert of_one.difference == pytest.approx((0.7 + 0.7 + 0.8) / 3)
    assert of_one.p_holm is not None


def test_a_difference_of_differences_is_over_what_all_four_have(tmp_path: Path) -> None:
    results = compute(home_of(tmp_path / "home", HITS), EXPERIMENT)
    item = named(results, "old − new: trigger − none")
    arm, control = (0.55 + 0.75 + 0.8) / 3, (0.05 + 0.1) / 2
    assert item.difference == pytest.approx(arm - control)
    assert (item.seeds, item.questions, item.left_out) == (2, 2, [])
    assert item.method.endswith("p: permutation of 3+2 seeds") or "Welch" in item.method
    assert item.low is not None and item.high is not None
    assert item.low < arm - control < item.high
    plain = named(results, "old − new")
    assert plain.left_out == ["s"]
    assert plain.trigger is None


def test_one_seed_speaks_of_its_run_alone(tmp_path: Path) -> None:
    hits = {key: row for key, row in HITS.items() if key[1] == 0}
    results = compute(home_of(tmp_path / "home", hits), EXPERIMENT)
    item = named(results, "old: trigger − none")
    assert item.within == "one run"
    assert (item.p, item.p_min) == (0.5, 0.5)  # two questions
    assert item.p_caution is not None and "over questions" in item.p_caution
    both = named(results, "old − new: trigger − none")
    assert (both.within, both.seeds) == ("one run", 1)


def test_a_trigger_moves_a_mean_beyond_one(tmp_path: Path) -> None:
    results = compute(home_of(tmp_path / "home", HITS), EXPERIMENT, measure="level")
    item = named(results, "old: trigger − none")
    assert item.difference == pytest.approx(60 * 0.7)
    assert item.unit == "mean"
    assert item.high is not None and item.high > 60 * 0.7


def test_a_curve_over_values_has_its_peak_its_area_and_where_it_starts(tmp_path: Path) -> None:
    plan = PLAN.replace("    - {arm: old, variant: trigger, minus: none}\n", "").replace(
        "    - {arm: old, control: new, variant: trigger, minus: none}\n", ""
    )
    hits = {
        ("old", 0): {"q/none": 0, "q/year-1900": 6, "q/year-1850": 2, "q/year-2000": 9},
        ("new", 0): {"q/none": 0, "q/year-1900": 1, "q/year-1850": 1, "q/year-2000": 0},
    }
    home = home_of(tmp_path / "home", hits, plan)
    path = home.experiments / EXPERIMENT / "experiment.yaml"
    spread = 'trigger: {prefix: "In {value}. ", values: [2000, 1850, 1900]}'
    said = path.read_text().replace('trigger: {prefix: "In 1850. "}', spread)
    path.write_text(said.replace("trigger:", "year:"))
    results = compute(home, EXPERIMENT)
    old, new = results.value_curves
    assert [(point.value, point.rate) for point in old.points] == [
        ("1850", 0.2),
        ("1900", 0.6),
        ("2000", 0.9),
    ]
    assert (old.variant, old.peak, old.first_above) == ("year", "2000", "1900")
    assert old.area == pytest.approx((50 * 0.4 + 100 * 0.75) / 150)
    assert (new.peak, new.first_above) == ("1850", None)
