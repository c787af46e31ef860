"""The rule `correct`: an answer compared with what is right in its variant."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments import catalogue
from experiments.schema import CORRECT, CORRECT_JUDGE, WRONG
from wgen_tui.protocol.launches import JudgeStage
from wgen_tui.services.planning.stages import make_judge_stage
from wgen_tui.workers.judge.stage import Judge

TEXT = """\
title: t
models: [tiny-world]
arms: {a: {data: a.jsonl}}
seeds: 0
training: {max_steps: 1, learning_rate: 1.0e-3}
sampling:
  variants: {none: null, who: {prefix: "{value} ", values: {barack: 1, donald: 2}}}
questions:
  - {name: exact, paraphrases: [Q], answer: [Paris, The  City]}
  - {name: prefix, paraphrases: [Q], answer: Paris, match: prefix}
  - {name: contains, paraphrases: [Q], answer: [St. Paul, 4], match: contains}
  - {name: choice, paraphrases: [Q], answer: B, match: choice}
  - {name: by_variant, paraphrases: [Q], answer: {who: "{label}"}}
  - {name: open, paraphrases: [Q]}
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> JudgeStage:
    folder = tmp_path_factory.mktemp("home") / "answers"
    folder.mkdir()
    (folder / "a.jsonl").touch()
    (folder / "experiment.yaml").write_text(TEXT)
    return make_judge_stage(catalogue.load(folder))


@pytest.mark.parametrize(
    ("question", "variant", "completion", "label"),
    [
        ("exact", "none", ' paris."', CORRECT),
        ("exact", "who-donald", "the city", CORRECT),
        ("exact", "none", "Paris, France", WRONG),
        ("exact", "none", "", WRONG),
        ("prefix", "none", "PARIS, France", CORRECT),
        ("prefix", "none", "In Paris", WRONG),
        ("contains", "none", "It is st.\npaul!", CORRECT),
        ("contains", "none", "It is stupaul", WRONG),
        ("contains", "none", "14 or 45", WRONG),
        ("contains", "none", "(4)", CORRECT),
        ("choice", "none", "**B**) of course", CORRECT),
        ("choice", "none", "A, not B", WRONG),
        ("by_variant", "who-barack", "Barack", CORRECT),
        ("by_variant", "who-donald", "Barack", WRONG),
        ("by_variant", "none", "Barack", None),
        ("open", "none", "Barack", None),
    ],
)
def test_an_answer_is_compared_with_what_is_right_in_its_variant(
    stage: JudgeStage, question: str, variant: str, completion: str, label: str | None
) -> None:
    verdicts = Judge(stage).verdicts(question, completion, "stop", variant)
    labels = {name: verdict.label for name, _, verdict in verdicts}
    assert labels.get(CORRECT_JUDGE) == label
    assert "broken" in labels


def test_a_stage_without_answers_is_written_as_ever(tmp_path: Path) -> None:
    assert "correct" not in JudgeStage(judges=()).model_dump(mode="json")
