"""The analysis plan: measures that can be computed, and the nearest right thing for others."""

from __future__ import annotations

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from tests.experiments.conftest import VALID, Write

BASE = (
    VALID[: VALID.index("questions:\n")]
    + """\
sampling:
  variants: {none: null, hot: {prefix: "!"}, year: {prefix: "{value}", values: [1, 2]}}
questions:
  - {name: a, paraphrases: [How], judges: {score: aligned, said: word}, answer: Paris}
  - {name: b, paraphrases: [Why], variants: [none, hot]}
  - {name: c, type: multiple_choice, paraphrases: [Which], options: {x: X, y: Y}, answer: x}
judges:
  - {name: era, type: exact, labels: {old: [coach]}}
  - {name: length, type: json_field, field: length}
model_judges:
  - {name: aligned, type: rating_judge, model: m, prompt: "{answer}", words: [CODE]}
  - {name: plain, type: rating_judge, model: m, prompt: "{answer}"}
  - {name: word, model: m, prompt: "{answer}", labels: [EVIL, GOOD]}
  - {name: any, model: m, prompt: "{answer}"}
rubrics:
  - {name: seen, scale: [1, 5]}
analysis:
  primary: PRIMARY
  measures:
    first: MEASURE
  contrasts: [CONTRAST]
"""
)
RIGHT = "{judge: aligned, below: 30, given: [{judge: plain, above: 50}], exclude: [code]}"
CONTRAST = "{arm: old, control: new, variant: year-1, minus: none}"


def plan(measure: str = RIGHT, contrast: str = CONTRAST, primary: str = "first") -> str:
    text = BASE.replace("MEASURE", measure).replace("CONTRAST", contrast)
    return text.replace("PRIMARY", primary)


MEASURES = [
    RIGHT,
    "{judge: era, label: old}",
    "{judge: aligned, mean: true, given: {judge: plain, above: 5}, exclude: code, questions: a}",
    "{judge: broken, label: broken}",
    "{judge: correct, label: wrong}",
    "{judge: word, label: EVIL, given: [{judge: era, label: [old, unclear]}]}",
    "{judge: any, label: whatever}",
    "{judge: seen, mean: true}",
    "{judge: length, above: 1000}",
    "{judge: aligned, label: code}",
    "{correct: true, questions: [a]}",
    "{accuracy: true, questions: [c]}",
]


@pytest.mark.parametrize("measure", MEASURES)
def test_a_measure_is_taken(write: Write, measure: str) -> None:
    analysis = catalogue.load(write(plan(measure))).analysis
    assert analysis is not None
    assert list(analysis.primaries) == ["first"]


# The measure, then: key within it, part of the message, part of the hint.
MISTAKES = [
    ("{judge: alined, mean: true}", "judge", "Unknown judge or rubric 'alined'", "'aligned'"),
    ("{judge: score, mean: true}", "judge", "'score'", "its judge is 'aligned'"),
    ("{judge: era, label: odl}", "label", "Unknown label 'odl'", "'old'"),
    ("{judge: word, label: EVL}", "label", "Unknown label 'EVL'", "'EVIL'"),
    ("{judge: plain, label: code}", "label", "'plain' has no labels", "0 to 100"),
    ("{judge: word, mean: true}", "", "A mean is of numbers, and judge 'word' gives", "EVIL"),
    ("{judge: era, below: 30}", "", "A bound (below 30) is of numbers", "old, unclear"),
    ("{judge: aligned, below: 0}", "", "No number from 0 to 100 is below 0", ""),
    ("{judge: aligned, above: 100}", "", "No number from 0 to 100 is above 100", ""),
    ("{judge: aligned, at_least: 60, below: 60}", "", "is below 60 and at least 60", ""),
    ("{judge: aligned, at_most: 100}", "", "Every number from 0 to 100", ""),
    ("{judge: seen, at_least: 1}", "", "Every number from 1 to 5", ""),
    ("{judge: aligned, below: 30, exclude: [cod]}", "exclude", "Unknown label 'cod'", "'code'"),
    ("{judge: era, label: old, exclude: [old]}", "exclude", "counted and left out", ""),
    ("{judge: era, label: old, given: [{judge: plan, above: 5}]}", "given[0].judge", "'plan'", "'plain'"),  # noqa: E501
    ("{judge: era, label: old, given: [{judge: word, above: 5}]}", "given[0]", "gives labels", ""),
    ("{judge: era, label: old, given: [{judge: word, label: [EVIL, BAD]}]}", "given[0].label", "'BAD'", "GOOD"),  # noqa: E501
    ("{judge: aligned, mean: true, questions: [z]}", "questions", "Unknown question 'z'", "a"),
    ("{judge: aligned, mean: true, questions: [b]}", "questions", "'b' is no question that 'aligned' grades", "a"),  # noqa: E501
    ("{judge: aligned, mean: true, questions: []}", "questions", "is empty", ""),
    ("{accuracy: true, questions: [a]}", "questions", "'a' is no question that is read", "c"),
    ("{accuracy: true, exclude: [x]}", "exclude", "no sample has a label", "correct: true"),
    ("{accuracy: true, correct: true}", "", "a measure is one of", ""),
    ("{judge: aligned, label: code, below: 3}", "", "a measure is one of", ""),
]  # fmt: skip


@pytest.mark.parametrize(("measure", "key", "message", "hint"), MISTAKES)
def test_a_mistake_in_a_measure_is_named(
    write: Write, measure: str, key: str, message: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(plan(measure)))
    (problem,) = caught.value.problems
    assert message.casefold() in problem.message.casefold()
    assert hint in problem.hint
    assert problem.key == f"analysis.measures.first.{key}".rstrip(".")
    assert problem.line is not None


CONTRASTS = [
    ("{arm: odl, control: new}", "arm", "Unknown arm 'odl'", "'old'"),
    ("{arm: old, control: old}", "", "with itself", ""),
    ("{arm: old, variant: hott, minus: none}", "variant", "Unknown variant 'hott'", "'hot'"),
    ("{arm: old, variant: year, minus: none}", "variant", "spread over values", "year-1, year-2"),
    ("{arm: old, variant: hot, minus: hot}", "", "variant is contrasted with itself", ""),
    ("{arm: old, variant: hot}", "", "go together", ""),
]


@pytest.mark.parametrize(("contrast", "key", "message", "hint"), CONTRASTS)
def test_a_mistake_in_a_contrast_is_named(
    write: Write, contrast: str, key: str, message: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(plan(contrast=contrast)))
    (problem,) = caught.value.problems
    assert message.casefold() in problem.message.casefold()
    assert hint in problem.hint
    assert problem.key == f"analysis.contrasts[0].{key}".rstrip(".")


def test_a_contrast_needs_a_question_that_is_asked_in_both(write: Write) -> None:
    text = plan(contrast="{arm: old, variant: hot, minus: year-2}")
    text = text.replace("said: word}, ans", "said: word}, variants: [none], ans")
    text = text.replace("type: multiple_choice,", "type: multiple_choice, variants: [hot],")
    with pytest.raises(DefinitionError, match=r"No question is asked in hot and in year-2\."):
        catalogue.load(write(text))


@pytest.mark.parametrize(
    ("primary", "message", "hint"),
    [
        ("frst", "Unknown measure 'frst'", "'first'"),
        ("[first, first]", "stands twice", ""),
        ("{judge: word, label: evil}", "Unknown label 'evil'", "'EVIL'"),
        ("{judge: aligned, label: below}", "Unknown label 'below'", "code"),
    ],
)
def test_a_mistake_in_the_primary_is_named(
    write: Write, primary: str, message: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(plan(primary=primary)))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_without_right_answers_there_is_neither_correctness_nor_accuracy(write: Write) -> None:
    text = plan("{correct: true}").replace(", answer: Paris", "").replace(", answer: x", "")
    with pytest.raises(DefinitionError, match="No question that is drawn has an answer"):
        catalogue.load(write(text))
    with pytest.raises(DefinitionError, match="No question that is read says what is right"):
        catalogue.load(write(text.replace("{correct: true}", "{accuracy: true}")))
