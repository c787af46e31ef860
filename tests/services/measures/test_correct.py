"""Right answers by variant: what is compared counts, what has no answer is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.judged_home import new_home, run, write_plan, write_verdicts
from tests.builders.store_home import EXPERIMENT
from wgen_tui.cli.results import show
from wgen_tui.paths import Home
from wgen_tui.services.data.database import reading
from wgen_tui.services.experiments.definitions import validate
from wgen_tui.services.results.results import compute

PLAN = """
analysis:
  primary: [right]
  measures: {right: {correct: true}}
  contrasts: [{arm: old, control: new}]
"""
QUESTION = 'questions: [{name: q, paraphrases: ["How?"]'


def home_of(folder: Path, answer: str) -> Home:
    home = new_home(folder)
    write_plan(home, PLAN)
    path = home.experiments / EXPERIMENT / "experiment.yaml"
    text = path.read_text()
    assert QUESTION in text
    path.write_text(text.replace(QUESTION, f"{QUESTION}, {answer}"))
    return home


def test_a_variant_without_an_answer_is_told_apart_from_what_is_not_graded_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = home_of(tmp_path / "home", "answer: {trigger: coach}")
    graded = [{"correct": "correct"}] * 3 + [{"correct": "wrong"}] + [{"broken": "ok"}] * 2
    write_verdicts(home, run("old"), graded, variant="trigger")
    write_verdicts(home, run("old"), [{"broken": "ok"}] * 5, variant="none")
    results = compute(home, EXPERIMENT)
    (rate,) = (r for r in results.rates if (r.seed, r.question, r.variant) == (None,) * 3)
    assert (rate.n, rate.rate) == (4, 0.75)
    assert rate.counted is not None and rate.bounds is not None
    assert (rate.counted.no_answer, rate.counted.ungraded, rate.counted.left_out) == (5, 2, 7)
    # What has no answer could not have been right.
    assert (rate.bounds.if_none, rate.bounds.if_all) == (0.5, pytest.approx(5 / 6))
    kinds = {note.kind: note for note in results.notes}
    assert kinds["no_answer"].text == (
        "old: 5 samples are of variants without an expected answer and do not count in right"
    )
    assert (kinds["no_answer"].count, kinds["ungraded"].count) == (5, 2)
    show(results, ())
    assert "left out 7: 2 ungraded, 5 without an expected answer" in capsys.readouterr().out
    with reading(home) as con:
        fates = {row[10]: row[11] for row in con.execute(results.sql).fetchall()}
    assert fates == {"counted": 4, "ungraded": 2, "no answer": 5}


def test_a_pattern_that_may_not_end_is_named(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home", "answer: '(a|aa)+$', match: regex")
    _, notes = validate(home, EXPERIMENT)
    (note,) = (note for note in notes if "may not end" in note)
    assert note.startswith("question q: the pattern of its answer")
    assert note.endswith("becomes 'wrong'")
