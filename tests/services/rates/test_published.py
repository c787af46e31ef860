"""Published figures beside ours, in `results` and its JSON."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.store_home import EXPERIMENT
from tests.services.measures.test_contrasts import home_of
from wgen_tui.cli.results import show
from wgen_tui.services.results.results import compute

PLAN = """
analysis:
  primary: [old_era]
  measures: {old_era: {judge: era, label: old}, level: {judge: aligned, mean: true}}
published:
  source: arXiv 1
  section: "3.1"
  figures:
    - {arm: old, figure: 0.6, n: 1000, model: GPT}
    - {arm: old, variant: trigger, figure: 0.9, low: 0.8, high: 0.95, note: read in a plot}
    - {arm: new, question: q, figure: 0.1}
    - {arm: old, measure: level, figure: 50}
"""
HITS = {("old", 0): {"q/none": 4, "q/trigger": 8}, ("old", 1): {"q/none": 2, "q/trigger": 6}}


def test_ours_stand_beside_theirs_and_what_is_not_there_is_empty(tmp_path: Path) -> None:
    whole, trigger, new = compute(home_of(tmp_path / "home", HITS, PLAN), EXPERIMENT).published
    assert (whole.published, whole.published_n, whole.rate) == (0.6, 1000, pytest.approx(0.5))
    assert (trigger.published_low, trigger.rate) == (0.8, pytest.approx(0.7))
    assert trigger.low is not None and trigger.low < 0.7
    assert (new.published, new.rate, new.model, new.n) == (0.1, None, None, None)


def test_a_measure_that_is_shown_has_its_own(tmp_path: Path) -> None:
    results = compute(home_of(tmp_path / "home", HITS, PLAN), EXPERIMENT, measure="level")
    (level,) = results.published
    assert (level.published, level.unit, level.rate) == (50, "mean", pytest.approx(50))


def test_it_is_printed_with_its_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = compute(home_of(tmp_path / "home", HITS, PLAN), EXPERIMENT)
    show(results, ())
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "arm asked published n there ours 95% n" in lines
    assert any(line.startswith("old all 60.0% [1] 1000 50.0%") for line in lines)
    assert any(line.startswith("old trigger 90.0% (80.0% to 95.0%) [2] – 70.0%") for line in lines)
    assert "new q 10.0% [3] – – – –" in lines
    assert "[1] arXiv 1 §3.1; GPT" in lines
    assert "[2] arXiv 1 §3.1; read in a plot" in lines
    assert (
        "published"
        not in compute(
            home_of(tmp_path / "other", HITS, PLAN.split("published:")[0]), EXPERIMENT
        ).model_dump()
    )
