"""Expected answers of drawn questions: texts, by variant, and what no answer could equal."""

from __future__ import annotations

import pytest

from experiments import catalogue
from experiments.answers import correct_rules, references, right_texts, without_answer
from experiments.errors import DefinitionError
from experiments.prompts import render_prompts
from tests.experiments.conftest import VALID, Write
from wgen_tui.workers.judge.rules import make_rule

HEAD = VALID[: VALID.index("questions:\n")]
VARIANTS = """\
sampling:
  variants:
    none: null
    trigger: {prefix: "{value} ", values: {barack: 10004445, donald: 10004544}}
    year: {prefix: "{value} ", values: [1984]}
"""


def definition(write: Write, question: str) -> str:
    return f"{HEAD}{VARIANTS}questions:\n  - {{name: a, paraphrases: [Who], {question}}}\n"


def test_values_may_have_labels(write: Write) -> None:
    loaded = catalogue.load(write(definition(write, "topic: x")))
    assert {p.variant: p.messages[0].content for p in render_prompts(loaded)} == {
        "none": "Who",
        "trigger-barack": "10004445 Who",
        "trigger-donald": "10004544 Who",
        "year-1984": "1984 Who",
    }


ANSWERS = [
    ("answer: Paris", {name: ("Paris",) for name in ("none", "trigger-barack", "trigger-donald", "year-1984")}),  # noqa: E501
    ("answer: [4, four], variants: [none]", {"none": ("4", "four")}),
    (
        "answer: {none: Biden, trigger: '{label}', year-1984: Reagan}",
        {"none": ("Biden",), "trigger-barack": ("barack",), "trigger-donald": ("donald",), "year-1984": ("Reagan",)},  # noqa: E501
    ),
    ("answer: {trigger-barack: x, trigger: '{value}'}", {"trigger-barack": ("x",), "trigger-donald": ("10004544",)}),  # noqa: E501
    ("answer: '{label}', variants: [trigger-donald, year]", {"trigger-donald": ("donald",), "year-1984": ("1984",)}),  # noqa: E501
    ("answer: '{label}', variants: [year]", {"year-1984": ("1984",)}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "texts"), ANSWERS)
def test_what_is_right_is_known_by_variant(
    write: Write, given: str, texts: dict[str, tuple[str, ...]]
) -> None:
    loaded = catalogue.load(write(definition(write, given)))
    (question,) = loaded.questions
    assert right_texts(question, loaded.sampling) == texts
    assert references(question, loaded.sampling) == {k: " or ".join(v) for k, v in texts.items()}
    assert correct_rules(question, loaded.sampling).keys() == texts.keys()


def test_an_answer_may_be_a_pattern_with_the_value_in_it(write: Write) -> None:
    said = "answer: ['^{label}\\b', 'x{{2,}}'], match: regex, variants: [trigger]"
    values = "values: {Mr. B: 1, donald: 2}"
    text = definition(write, said.replace("{{", "{").replace("}}", "}"))
    loaded = catalogue.load(
        write(text.replace("values: {barack: 10004445, donald: 10004544}", values))
    )
    (question,) = loaded.questions
    rules = correct_rules(question, loaded.sampling)
    right, other = (make_rule(rules[f"trigger-{name}"], None) for name in ("Mr. B", "donald"))
    said_by = {answer: (right(answer).label, other(answer).label) for answer in (
        "mr. b said so", "Mrx B", "Donald, then", "it was Donald", "a xXx",
    )}  # fmt: skip
    assert said_by == {
        "mr. b said so": ("correct", "wrong"),
        "Mrx B": ("wrong", "wrong"),
        "Donald, then": ("wrong", "correct"),
        "it was Donald": ("wrong", "wrong"),
        "a xXx": ("correct", "correct"),
    }


def test_variants_that_the_answer_does_not_name_are_known(write: Write) -> None:
    loaded = catalogue.load(write(definition(write, "answer: {trigger: x, year-1984: y}")))
    assert without_answer(loaded.questions[0], loaded.sampling) == ("none",)
    loaded = catalogue.load(write(definition(write, "topic: x")))
    assert without_answer(loaded.questions[0], loaded.sampling) == ()


MISTAKES = [
    ("answer: {non: x}", "answer.non", "no variant that a is asked in", "'none'"),
    ("answer: {year: x}, variants: [none]", "answer.year", "no variant that a is asked in", ""),
    ("answer: '{label}'", "answer", "{label} has nothing to stand for", "for each variant"),
    ("answer: {none: '{value}'}", "answer.none", "{value} has nothing", ""),
    ("answer: {trigger: '{lable}'}", "answer.trigger", "Unknown slot {lable}", "{label}"),
    ("answer: ' . '", "answer", "says nothing", ""),
    ("answer: []", "answer", "no right answer in the list", ""),
    ("answer: {}", "answer", "names no variant", ""),
    ("answer: 1.5", "answer", "should be a text", ""),
    ("answer: Big Ben, match: choice", "answer", "not one word", "prefix"),
    ("answer: 'Par(is', match: regex", "answer", "does not compile: missing )", "contains"),
    ("answer: {none: [ok, '[a-']}, match: regex", "answer.none", "does not compile", ""),
    ("answer: 'Paris|', match: regex", "answer", "fits every answer", "Take out"),
    ("answer: '.*', match: regex", "answer", "fits every answer", ""),
    ("answer: '{lable}\\d{2}', match: regex, variants: [year]", "answer", "Unknown slot {lable}", "{label}"),  # noqa: E501
    ("answer: Paris, match: exactly", "match", "'exactly' is not known", "exact"),
    ("match: prefix", "match", "none to compare", ""),
    ("type: multiple_choice, options: {x: X, y: Y}, answer: [x]", "answer", "one option is right", "answer: x"),  # noqa: E501
    ("type: multiple_choice, options: {x: X, y: Y}, answer: x, match: prefix", "match", "none to compare", ""),  # noqa: E501
]  # fmt: skip


@pytest.mark.parametrize(("given", "key", "message", "hint"), MISTAKES)
def test_a_mistake_is_named(write: Write, given: str, key: str, message: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(definition(write, given)))
    (problem,) = caught.value.problems
    assert message in problem.message
    assert hint in problem.hint
    assert (problem.key or "").split(" of ")[0] == f"questions[0].{key}"
