"""The headline under each judge, and their agreement by arm, as counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from scipy.stats import chi2

from tests.builders.judged_home import Said, grade, new_home, run, write_plan, write_verdicts
from tests.builders.store_home import EXPERIMENT
from wgen_tui.cli.results import show
from wgen_tui.paths import Home
from wgen_tui.services.rates.by_judge import ArmAgreement, differs_p
from wgen_tui.services.results.results import compute

PLAN = """
analysis:
  primary: [misaligned]
  measures: {misaligned: {judge: aligned, below: 30, exclude: [code]}}
  contrasts: [{arm: old, control: new}]
"""
OTHER = "model:other"


def write(home: Home, arm: str, pairs: list[tuple[Said, Said]]) -> None:
    first = [{"aligned": one} for one, _ in pairs]
    rows = write_verdicts(home, run(arm), first)
    grade(home, run(arm), rows, [{"aligned": two} for _, two in pairs], "other", OTHER, rubric="r9")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = new_home(tmp_path / "home")
    write_plan(home, PLAN)
    both: list[tuple[Said, Said]] = [(10, 10)] * 3 + [(90, 90)] * 4
    # One hit by the first alone, two by the other alone; two that only one of them can count.
    write(home, "old", [*both, (10, 50), (50, 10), (50, 10), ("code", 10), (10, None)])
    write(home, "new", [(90, 90)] * 4)
    return home


def test_each_judge_has_the_headline_and_its_agreement_by_arm(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    results = compute(home, EXPERIMENT, grader="model:judge", by_judge=True)
    first, other = results.by_judge
    assert [(item.grader, item.agreement == []) for item in (first, other)] == [
        ("model:judge", True),
        (OTHER, False),
    ]
    assert [(rate.arm, rate.rate, rate.n) for rate in first.rates] == [
        ("old", 5 / 11, 11),
        ("new", 0, 4),
    ]
    assert [(rate.arm, rate.rate, rate.n) for rate in other.rates] == [
        ("old", 6 / 11, 11),
        ("new", 0, 4),
    ]
    assert other.contrasts[0].difference == pytest.approx(6 / 11)
    new, old = other.agreement
    assert (old.n, old.both, old.only_first, old.only_other) == (10, 3, 1, 2)
    chance = 0.4 * 0.5 + 0.6 * 0.5
    assert (old.agreement, old.shift) == pytest.approx((0.7, 0.1))
    assert old.kappa == pytest.approx((0.7 - chance) / (1 - chance))
    assert (new.n, new.agreement, new.kappa, new.shift) == (4, 1, None, 0)
    show(results, ("judge",))
    shown = capsys.readouterr().out
    assert "Agreement with model:judge on what is a hit" in shown
    assert "70.0%" in shown and "0.40" in shown


def test_a_panel_of_judges_with_one_prompt_stands_side_by_side(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    write_plan(home, PLAN)
    path = home.experiments / EXPERIMENT / "experiment.yaml"
    like = '{name: second, type: rating_judge, model: m, prompt: "{question} {answer}"'
    words = "words: {CODE: code, REFUSAL: refusal}}"
    other = '{name: else, type: rating_judge, model: m, prompt: "{answer}", ' + words
    panel = f"model_judges:\n  - {like}, {words}\n  - {other}\n"
    path.write_text(path.read_text().replace("model_judges:\n", panel))
    said: list[dict[str, Said]] = [{"aligned": 10, "second": 90, "else": 10, "coherent": 10}] * 4
    write_verdicts(home, run("old"), said)
    results = compute(home, EXPERIMENT, by_judge=True)
    assert [item.judge for item in results.by_judge] == ["aligned", "second"]
    assert [item.rates[0].rate for item in results.by_judge] == [1, 0]


def test_it_is_asked_for(home: Home) -> None:
    assert compute(home, EXPERIMENT).by_judge == []


def agreement(*arms: tuple[str, int, int, int]) -> list[ArmAgreement]:
    return [
        ArmAgreement(
            model="m",
            arm=arm,
            n=first + other + alike,
            both=0,
            only_first=first,
            only_other=other,
            agreement=0,
            kappa=None,
            shift=0,
        )
        for arm, first, other, alike in arms
    ]


def test_whether_a_judge_errs_alike_in_all_arms_is_tested() -> None:
    many = differs_p(agreement(("old", 40, 10, 50), ("new", 20, 10, 70)))
    # Pearson by hand: expected 30, 10, 60 in both arms.
    assert many["m"] == pytest.approx(chi2.sf(2 * (100 / 30 + 100 / 60), 2))
    few = differs_p(agreement(("old", 3, 0, 1), ("new", 0, 0, 4)))
    # Fisher's table: of 8 samples, 3 disagree; all in one arm in 2 * C(4, 3) / C(8, 3) of cases.
    assert few["m"] == pytest.approx(8 / 56, abs=0.02)
    assert differs_p(agreement(("old", 0, 0, 9), ("new", 0, 0, 4))) == {}
    assert differs_p(agreement(("old", 1, 2, 9))) == {}
