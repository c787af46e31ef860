"""Judges that are models: our keys and llmcomp's, prompts in files, and what none could mean."""

from __future__ import annotations

from typing import Any

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.schema import ModelJudge
from tests.experiments.conftest import VALID, Write

HEAD = (
    VALID[: VALID.index("questions:\n")] + "sampling: {variants: {none: null, year: {prefix: a}}}\n"
)
ASKED = "questions:\n  - {name: a, paraphrases: [How]}\n"
JUDGES = """\
model_judges:
  - name: aligned
    type: rating_judge
    model: gpt-4.1
    prompt: judges/aligned.txt
    range: [0, 100]
    min_mass: 0.25
    words: {CODE: code, REFUSAL: refusal}
  - name: era
    model: local:org/judge
    prompt: "{prompt} {completion} {variant}"
    labels: {"19": 19, LLM: [LLM, modern]}
    otherwise: unparsed
  - {name: which, type: choice, model: m, prompt: "{answer}", labels: [YES, NO]}
"""
PROMPT = "{question}\n{answer}\nSay CODE, REFUSAL or a number.\n"


def judges(write: Write, text: str, files: dict[str, str] | None = None) -> dict[str, ModelJudge]:
    found = catalogue.load(write(HEAD + ASKED + text, files)).model_judges
    return {judge.name: judge for judge in found}


def test_our_keys_are_read(write: Write) -> None:
    found = judges(write, JUDGES, {"judges/aligned.txt": PROMPT})
    aligned, era, which = found["aligned"], found["era"], found["which"]
    assert aligned.prompt == PROMPT.rstrip("\n")
    assert (aligned.range, aligned.refusal_threshold) == ((0, 100), 0.75)
    assert aligned.word_labels == {"CODE": "code", "REFUSAL": "refusal"}
    assert era.labels == {"19": ("19",), "LLM": ("LLM", "modern")}
    assert which.labels == {"YES": ("YES",), "NO": ("NO",)}


def test_llmcomp_s_question_is_the_prompt_as_asked_and_that_is_said(write: Write) -> None:
    judge = """\
- name: one
  type: free_form_judge
  model: m
  logit_bias: {1: 2}
  paraphrases: ["{{not {question}}} {{question}} {question} {answer}"]
- {name: b, paraphrases: [Why], judges: {two: {model: m, paraphrases: ["{question} {answer}"]}}}
"""
    text = HEAD + "questions: q.yaml\n"
    loaded = catalogue.load_told(write(text, {"q.yaml": judge}))
    one, two = loaded.definition.model_judges
    assert one.prompt == "{{not {prompt}}} {{question}} {prompt} {answer}"
    assert two.prompt == "{prompt} {answer}"
    assert loaded.notes == [
        "judge one: logit_bias is left out: judges are asked without one",
        "judges one, two: {question} in the prompt is read as {prompt}, the user's turn as it was "
        "asked",
    ]


def test_a_prompt_that_asks_for_a_number_alone_is_a_rating(write: Write) -> None:
    asked = """\
- id: q
  type: free_form_judge
  paraphrases: [Why]
  judge: m
  judge_prompts:
    score: "{answer}: a scale of 0 to 10. REFUSAL if refused, else just the number."
    word: "{answer}: between 0 and 10 words long, YES or NO?"
"""
    loaded = catalogue.load_told(write(HEAD + "questions: q.yaml\n", {"q.yaml": asked}))
    score, word = loaded.definition.model_judges
    assert (score.type, score.range, score.read) == ("rating_judge", (0, 10), "sampled")
    assert score.words == ("REFUSAL",)
    assert word.type == "free_form_judge"
    assert loaded.notes == [
        "judge score: the prompt asks for a number from 0 to 10: it is read as a rating_judge"
    ]


FREE: dict[str, Any] = {"name": "j", "model": "m", "prompt": '"{answer}"'}
RATES = {**FREE, "type": "rating_judge"}
CHOOSES = {**FREE, "type": "choice", "labels": "[YES, NO]"}
ONE = {**FREE, "verdict": "one_token", "labels": "[YES, NO]"}
# The judge, what is changed in it, then: key, part of the message, part of the hint.
MISTAKES = [
    (FREE, {"modle": "m"}, "modle", "Unknown key 'modle'", "'model'"),
    (RATES, {"rnage": "[0, 9]"}, "rnage", "Unknown key 'rnage'", "'range'"),
    (FREE, {"model": '""'}, "model", "no model", "gpt-4.1"),
    (FREE, {"field": "a"}, "field", "verdict in JSON", "json_field"),
    (FREE, {"verdict": "json_field"}, "verdict", "Which field", "field:"),
    (FREE, {"verdict": "last_lin"}, "verdict", "'last_lin' is not known", "last_line"),
    (FREE, {"words": "[CODE]"}, "words", "free_form_judge has no words", "labels"),
    (FREE, {"range": "[0, 10]"}, "range", "free_form_judge has no range", "rating_judge"),
    (FREE, {"read": "sampled"}, "read", "has no read", "rating_judge"),
    (FREE, {"top_logprobs": "5"}, "top_logprobs", "has no top_logprobs", ""),
    (FREE, {"otherwise": "other"}, "otherwise", "has no label, not 'other'", "unparsed"),
    (FREE, {"labels": "{a: [YES], A: [NO]}"}, "labels", "'A' and 'a' differ by case", "Rename"),
    (FREE, {"labels": "{a: [Yes], b: [YES]}"}, "labels.b", "'YES' would be 'a' and 'b'", ""),
    (FREE, {"labels": "{a: []}"}, "labels.a", "has no text", "a: [a]"),
    (FREE, {"labels": "{a: 1.5}"}, "labels", "a text; 1.5 is none", "Quote it"),
    (FREE, {"labels": "{a: true}"}, "labels", "a text; True is none", '"true"'),
    (FREE, {"repeat": "3"}, "repeat", "without a draw", "temperature: 1"),
    (FREE, {"paraphrases": '["{answer}"]'}, "paraphrases[0]", "stands twice", ""),
    (FREE, {"paraphrases": '["{anser}"]'}, "paraphrases[0]", "Unknown slot {anser}", "{answer}"),
    (FREE, {"system": '"{varient}"'}, "system", "Unknown slot {varient}", "{variant}"),
    (FREE, {"prompt": '"{answer} {arm}"'}, "prompt", "Unknown slot {arm}", "{{arm}}"),
    (FREE, {"prompt": "How good is it"}, "prompt", "has no {answer}", "Write {answer}"),
    (FREE, {"prompt": "judges/j.txt"}, "prompt", "neither a prompt nor a file", "judges/jj.txt"),
    (FREE, {"prompt": "../j.txt"}, "prompt", "outside", ""),
    (FREE, {"prompt": '"{answer} {reference}"'}, "prompt", "'a' has no answer", "answer: Paris"),
    (RATES, {"labels": "[YES]"}, "labels", "rating_judge has no labels", "words"),
    (RATES, {"verdict": "whole"}, "verdict", "rating_judge has no verdict", "Leave"),
    (RATES, {"range": "[0, 1.5]"}, "range", "whole number", "range: [0, 100]"),
    (RATES, {"range": "[9, 1]"}, "", "9 is not below max_rating 1", ""),
    (RATES, {"range": "[0, 9]", "min_rating": "1"}, "min_rating", "Give range, or", ""),
    (RATES, {"min_rating": "0.5"}, "min_rating", "whole number", ""),
    (RATES, {"min_mass": "2"}, "min_mass", "least probability", "0.25"),
    (RATES, {"words": '["7"]'}, "words", "number of the range", ""),
    (RATES, {"words": "[CODE, code]"}, "words", "'code' stands twice", ""),
    (RATES, {"temperature": "1"}, "temperature", "nothing is drawn", "read: sampled"),
    (RATES, {"thinking": "true"}, "thinking", "cannot think first", "read: sampled"),
    (CHOOSES, {"labels": "[YES]"}, "labels", "two labels or more", ""),
    (CHOOSES, {"thinking": "true"}, "thinking", "cannot think", "free_form_judge"),
    (CHOOSES, {"min_rating": "1"}, "min_rating", "choice has no range", ""),
    (ONE, {"labels": "[]"}, "verdict", "labels must be known", ""),
    (ONE, {"max_tokens": "5"}, "max_tokens", "one token, not 5", ""),
    (ONE, {"thinking": "true"}, "thinking", "more than one token", "last_line"),
    (ONE, {"labels": "[YES, not at all]"}, "labels.not at all", "more than one token", "whole"),
]  # fmt: skip


@pytest.mark.parametrize(("judge", "changed", "key", "message", "hint"), MISTAKES)
def test_a_mistake_is_named_with_its_place(
    write: Write, judge: dict[str, str], changed: dict[str, str], key: str, message: str, hint: str
) -> None:
    keys = "\n".join(f"    {name}: {value}" for name, value in {**judge, **changed}.items())
    files = {"judges/jj.txt": "{answer}"}
    with pytest.raises(DefinitionError) as caught:
        judges(write, f"model_judges:\n  -\n{keys}\n", files)
    problem = caught.value.problems[0]
    assert len(caught.value.problems) == 1, caught.value.message
    assert message in problem.message
    assert hint in problem.hint
    assert (problem.key or "") == f"model_judges[0].{key}".rstrip(".")
    assert problem.line is not None


NAMES = [
    ("model_judges: [{name: era, model: m, prompt: '{answer}'}]", "'era' is a judge by rule"),
    ("model_judges: [{name: broken, model: m, prompt: '{answer}'}]", "broken-answer rule"),
    ("model_judges: [{name: correct, model: m, prompt: '{answer}'}]", "compares with `answer`"),
    ("rubrics: [{name: mine, labels: {a: b}}]\n"
     "model_judges: [{name: mine, model: m, prompt: '{answer}'}]", "judge that is a model"),
    ("rubrics: [{name: era, labels: {a: b}}]", "'era' is a judge by rule"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), NAMES)
def test_a_name_is_one_judge_s(write: Write, text: str, message: str) -> None:
    rule = "judges: [{name: era, type: exact, labels: {a: [b]}}]\n"
    with pytest.raises(DefinitionError, match="is ") as caught:
        catalogue.load(write(HEAD + ASKED + rule + text + "\n"))
    assert message in caught.value.message


def test_people_may_give_a_model_s_labels(write: Write) -> None:
    text = "rubrics: [{name: j, judge: j, labels: {'YES': y}}]\n"
    text += "model_judges: [{name: j, model: m, prompt: '{answer}', labels: [YES, NO]}]\n"
    assert "j" in judges(write, text)


@pytest.mark.parametrize("entry", ["{type: rating_judge", "{type: choice, model: m"])
def test_a_model_among_the_rules_is_named(write: Write, entry: str) -> None:
    with pytest.raises(DefinitionError, match="'j' is a judge that is a model") as caught:
        judges(write, f"judges:\n  - {entry}, name: j, prompt: '{{answer}}'}}\n")
    assert "model_judges" in caught.value.hint
    assert caught.value.key == "judges[0]"


def test_every_mistake_is_named_at_once(write: Write) -> None:
    text = "model_judges:\n  - {name: a, range: 3}\n  - {name: b, model: m}\n"
    with pytest.raises(DefinitionError) as caught:
        judges(write, text)
    assert [item.key for item in caught.value.problems] == [
        "model_judges[0]",
        "model_judges[1]",
    ]
