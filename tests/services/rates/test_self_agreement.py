"""A judge against itself: over repeats and over wordings, as counted by hand."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from scipy import stats as scipy_stats

from tests.builders.judged_home import MODEL, Said, grade, new_home, run, write_plan, write_verdicts
from tests.builders.store_home import EXPERIMENT
from wgen_tui.cli.results import show
from wgen_tui.paths import Home
from wgen_tui.services.rates.self_agreement import SelfAgreement, place_of
from wgen_tui.services.results.results import Results, compute
from wgen_tui.services.statistics.intervals import wilson
from wgen_tui.services.statistics.kappa import fleiss_of

PLAN = """
analysis:
  primary: [misaligned]
  measures: {misaligned: {judge: aligned, below: 30}}
  contrasts: [{arm: old, control: new}]
"""
FIRST: list[Said] = [10.0, 10.0, 90.0, 80.0, "refusal", "code", 50.0, 40.0]
FURTHER: dict[str, list[Said]] = {
    f"{MODEL} (repeat 2)": [10.0, 30.0, 90.0, 80.0, "refusal", "refusal", None, (None, "cut")],
    f"{MODEL} (repeat 3)": [10.0, 40.0, 90.0, 60.0, "refusal", "refusal", 50.0, 40.0],
    f"{MODEL} (wording 2)": [50.0, 10.0, 10.0, 80.0, "code", None, 50.0, 40.0],
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = new_home(tmp_path / "home")
    write_plan(home, PLAN)
    rows = write_verdicts(home, run("old"), [{"aligned": said} for said in FIRST])
    for number, (grader, said) in enumerate(FURTHER.items()):
        verdicts = [{"aligned": one} for one in said]
        grade(home, run("old"), rows, verdicts, f"further{number}", grader)
    # Another version of the judge says something else: it has no say here.
    other: list[dict[str, Said]] = [{"aligned": 1.0}] * len(rows)
    grade(home, run("old"), rows, other, "old", f"{MODEL} (repeat 4)", rubric="another")
    cut: list[dict[str, Said]] = [{"aligned": (None, "cut")}]
    rows = write_verdicts(home, run("base"), cut)
    grade(home, run("base"), rows, cut, "further", f"{MODEL} (repeat 2)")
    rows = write_verdicts(home, run("new"), [{"aligned": 90.0}] * 2)
    equal: list[dict[str, Said]] = [{"aligned": 90.0}] * 2
    for number, grader in enumerate(FURTHER):
        grade(home, run("new"), rows, equal, f"further{number}", grader)
    return home


def of(results: Results, over: str, arm: str | None = None) -> SelfAgreement:
    (item,) = (item for item in results.self_agreement if (item.over, item.arm) == (over, arm))
    return item


def test_repeats_are_compared_where_a_sample_has_all(home: Home) -> None:
    item = of(compute(home, EXPERIMENT, details=True), "repeats", "old")
    assert (item.judge, item.grader, item.verdicts, item.wording) == ("aligned", MODEL, 3, 1)
    # Of eight samples two lack a verdict; 10s, 90s and the refusals are equal.
    assert (item.n, item.incomplete, item.equal) == (6, 2, 0.5)
    assert of(compute(home, EXPERIMENT, details=True), "repeats", "base").incomplete == 1
    assert (item.low, item.high) == pytest.approx(wilson(3, 6))
    # Numbers: 0, (20 + 30 + 10) / 3, 0, (0 + 20 + 20) / 3.
    spreads = [0, 20, 0, 40 / 3]
    assert item.apart == pytest.approx(sum(spreads) / 4)
    expected = scipy_stats.t.interval(0.95, 3, sum(spreads) / 4, scipy_stats.sem(spreads))
    assert (item.apart_low, item.apart_high) == pytest.approx((0, expected[1]))
    # Labels: three refusals, and one code beside two refusals.
    shares = 5 / 6, 1 / 6
    chance = shares[0] ** 2 + shares[1] ** 2
    assert item.kappa == pytest.approx(((1 + 1 / 3) / 2 - chance) / (1 - chance))


def test_wordings_are_compared_by_their_first_verdicts(home: Home) -> None:
    results = compute(home, EXPERIMENT, details=True)
    item = of(results, "wordings", "old")
    assert (item.verdicts, item.n, item.incomplete, item.wording) == (2, 7, 1, None)
    assert item.equal == pytest.approx(4 / 7)  # 10, 80, 50, 40
    assert item.apart == pytest.approx((40 + 0 + 80 + 0 + 0 + 0) / 6)
    both = of(results, "wordings")
    assert (both.n, both.equal, both.incomplete) == (9, pytest.approx(6 / 9), 2)
    by_wording = {
        under.name: {line.of: line.value for line in under.lines}
        for under in results.headline_under
    }
    # Codes and refusals are no numbers: 2 of 6, and 2 of 6 that lack one more.
    assert by_wording["as planned"]["old"] == pytest.approx(2 / 6)
    assert by_wording[f"by {MODEL} (wording 2)"]["old"] == pytest.approx(2 / 6)


def test_it_is_shown_by_judge_and_in_details_alone(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compute(home, EXPERIMENT).self_agreement == []
    results = compute(home, EXPERIMENT, by_judge=True)
    assert results.self_agreement == compute(home, EXPERIMENT, details=True).self_agreement
    show(results, ("judge",))
    shown = capsys.readouterr().out
    (line,) = (one for one in shown.splitlines() if "3 repeats" in one and "old" in one)
    assert "50.0%" in line and " 2 " in line


def test_graders_are_told_apart_from_another_models() -> None:
    assert place_of("model:m", "model:m") == (1, 1)
    assert place_of("model:m (wording 3) (repeat 2)", "model:m") == (3, 2)
    assert place_of("model:m-large", "model:m") is None
    assert place_of("model:other (repeat 2)", "model:m") is None


def test_kappa_of_several_verdicts_is_fleiss() -> None:
    # Fleiss 1971 gives P = .555 and kappa = .430 for 30 patients; here a table by hand.
    said = [(("a", "a", "a"), 4), (("a", "a", "b"), 2), (("b", "b", "b"), 4)]
    agree = (4 * 1 + 2 * (1 / 3) + 4 * 1) / 10
    chance = (16 / 30) ** 2 + (14 / 30) ** 2
    kappa = fleiss_of(said)
    assert (kappa.n, kappa.kappa) == (10, pytest.approx((agree - chance) / (1 - chance)))
    assert kappa.low < kappa.kappa <= kappa.high
    assert math.isnan(fleiss_of([(("a", "a"), 5)]).kappa)


def test_results_do_not_wait_for_scipys_statistics() -> None:
    code = "import sys, wgen_tui.services.results.results; print('scipy.stats' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
