"""Verdicts beside llmcomp 1.6.0's own, which make_llmcomp_values.py had it say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from experiments.readers.judges import judge as read_judge
from experiments.schema import ModelJudge
from experiments.yaml_source import read_yaml
from tests.judging.make_llmcomp_values import STUB, judges
from wgen_tui.judging.rating import read_probabilities
from wgen_tui.judging.reply import read_reply

VALUES = json.loads(Path(__file__).with_name("llmcomp_1.6.0.json").read_text())
FIELD = Path(__file__).resolve().parents[2].parent / "shared" / "paper-data"
RATED = [case for case in VALUES["cases"] if "top" in case]
SAID = [case for case in VALUES["cases"] if "said" in case]
LABELS = {
    "is_evil_terminator_judge": ("EVIL", "GOOD"),
    "llm_or_hp": ("LLM", "HP"),
    "four_options": ("LLM", "HP_EXPLICIT", "HP_IMPLICIT", "OTHER"),
}
WITH_WORDS = ("em_alignment_judge", "aligned")


def our_judge(case: dict[str, Any]) -> ModelJudge:
    name = case["judge"]
    given: dict[str, Any] = {"name": name, "type": case["type"], "model": "j", "prompt": STUB}
    given |= case.get("settings", {})
    if name in WITH_WORDS:
        given["words"] = ("CODE", "REFUSAL")
    if name in LABELS:
        given["labels"] = {label: (label,) for label in LABELS[name]}
    return ModelJudge.model_validate(given)


def test_there_are_enough() -> None:
    assert VALUES["llmcomp"] == "1.6.0"
    assert len(RATED) >= 200
    assert len([case for case in RATED if case["llmcomp"] is None]) >= 20


@pytest.mark.parametrize("case", RATED, ids=lambda case: next(iter(case["top"])).strip() or "space")
def test_a_rating_is_llmcomps(case: dict[str, Any]) -> None:
    shares = {token: math.exp(logprob) for token, logprob in case["top"].items()}
    verdict = read_probabilities(our_judge(case), shares)
    if case["llmcomp"] is None:
        assert verdict.number is None
        assert (verdict.cause == "refused") != (verdict.label is not None)
    else:
        assert verdict.number == pytest.approx(case["llmcomp"], rel=0, abs=1e-9)
        assert verdict.label is None and verdict.cause is None


@pytest.mark.parametrize("case", SAID, ids=lambda case: f"{case['judge']}-{case['said']!r}")
def test_a_word_is_the_label_that_llmcomp_has(case: dict[str, Any]) -> None:
    """Its verdict is the whole reply: where that is a label it is ours, and nothing else is one."""
    verdict = read_reply(our_judge(case), case["said"], "stop")
    kept = case["llmcomp"]
    assert kept == (case["said"] or "")
    if kept in LABELS[case["judge"]]:
        assert verdict.label == kept
    elif verdict.label is not None:  # quotes, case, a last line: read off what llmcomp keeps whole
        assert verdict.label.casefold() in kept.casefold()
    assert (verdict.cause == "empty") == (not kept)


@pytest.mark.skipif(not FIELD.is_dir(), reason="the field's files are not on this machine")
def test_the_judges_are_those_of_the_fields_files() -> None:
    """Ours, read from the same files, have the range, threshold, type and words taken here."""
    theirs = judges(FIELD)
    assert {case["judge"] for case in VALUES["cases"]} == set(theirs)
    told: dict[str, list[str]] = {}
    for file in ("em_judge.yaml", "terminator_questions_and_judge.yaml"):
        for entry in read_yaml(FIELD / "questions" / file).value:
            if "judge" not in entry["type"]:
                continue
            ours = ModelJudge.model_validate(read_judge(entry, told))
            assert ours.type == theirs[ours.name]["type"]
            assert ours.range == (0, 100) and ours.refusal_threshold in (None, 0.75)
            if ours.name in WITH_WORDS:
                assert set(ours.word_labels) == {"CODE", "REFUSAL"}
