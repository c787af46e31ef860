"""Accuracy of questions that are read, as a primary measure."""

from __future__ import annotations

from pathlib import Path

from tests.builders.judged_home import new_home, run, write_plan, write_verdicts
from tests.builders.store_home import EXPERIMENT
from tests.store.test_readouts import reading, write
from wgen_tui.services.results.results import compute

PLAN = "analysis: {primary: [right], measures: {right: {accuracy: true}}}"
ASKED = """questions:
  - {name: q, paraphrases: ["How?"]}
  - {name: multiple_choice, type: multiple_choice, paraphrases: ["Which?"],
     options: {a: coach, b: flight}, answer: a}
"""


def test_accuracy_is_a_primary_measure(tmp_path: Path) -> None:
    home = new_home(tmp_path / "home")
    write_plan(home, PLAN)
    path = home.experiments / EXPERIMENT / "experiment.yaml"
    said = path.read_text()
    path.write_text(said.replace('questions: [{name: q, paraphrases: ["How?"]}]\n', ASKED))
    assert "multiple_choice" in path.read_text()
    for seed, chance in ((0, 0.75), (1, 0.25)):
        write_verdicts(home, run("old", seed), [{}])
        rows = reading(run("old", seed), 0, {"a": chance, "b": 1 - chance})
        write(home.root, run("old", seed), "readouts", rows, "R-00000")
    results = compute(home, EXPERIMENT)
    rate = next(r for r in results.rates if (r.seed, r.question) == (None, None))
    assert (rate.metric, rate.rate, rate.n, rate.seeds) == ("right", 0.5, 2, 2)
    assert rate.measure == "share of read questions answered right"
    assert [r.rate for r in results.rates if r.seed is not None] == [1, 0]
    assert [item.rate for item in results.accuracy if item.seed is None] == [rate.rate]
