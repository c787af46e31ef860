"""Labels of judges by rule that no answer could get, or that every answer would."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.checking.rules import rule_findings
from experiments.schema import Definition, JudgeSpec


def found(kind: str, labels: Any, **more: Any) -> list[tuple[tuple[Any, ...], str]]:
    judge = JudgeSpec.model_validate({"name": "j", "type": kind, "labels": labels, **more})
    definition = Definition.model_construct(judges=(judge,))
    return [(path[2:], message) for path, message, _ in rule_findings(definition)]


@pytest.mark.parametrize("kind", ["lexicon", "prefix", "exact", "choice"])
def test_a_label_without_texts_is_never_given(kind: str) -> None:
    assert found(kind, {"a": ["x"], "b": []}) == [
        (("labels", "b"), "The label 'b' has no texts: no answer could get it.")
    ]


@pytest.mark.parametrize(
    ("kind", "text"),
    [("lexicon", " "), ("lexicon", "*"), ("lexicon", ""), ("prefix", ""), ("prefix", " '. ")],
)
def test_a_text_that_stands_in_every_answer(kind: str, text: str) -> None:
    (finding,) = found(kind, {"a": ["x", text], "b": ["y"]})
    assert finding == (("labels", "a", 1), f"{text!r} of the label 'a' is in every answer.")


def test_by_topic_is_looked_at_too() -> None:
    (finding,) = found("lexicon", {}, by_topic={"travel": {"a": (), "b": ("x",)}})
    assert finding[0] == ("by_topic", "travel", "a")


@pytest.mark.parametrize("kind", ["prefix", "exact", "choice", "json_field"])
def test_a_text_stands_for_one_label(kind: str) -> None:
    field = {"field": "answer"} if kind == "json_field" else {}
    (finding,) = found(kind, {"a": ["Yes", "no "], "b": ["  No."]}, **field)
    assert finding == (("labels", "b", 0), "'  No.' stands for 'a' too.")
    assert not found(kind, {"a": ["Yes"], "b": ["yes"]}, case_sensitive=True, **field)


def test_words_of_two_lexicons_and_empty_answers_are_fine() -> None:
    assert not found("lexicon", {"a": ["car", "coach"], "b": ["car"]})
    assert not found("exact", {"nothing": [""], "a": ["x"]})
    assert not found("json_field", {"a": []}, field="x")
