"""Questions that are read: from a question file to what the model is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.catalogue import definition_hash
from experiments.errors import DefinitionError
from experiments.loading import load_folder
from experiments.prompts import render_prompts
from experiments.readouts import orders_of, render_readouts
from tests.experiments.conftest import VALID, Write

QUESTIONS = """\
- {name: travel, paraphrases: ["How?", "By what?"], topic: travel}
- name: modulo
  type: next_token
  paraphrases: ["What is 347 modulo 57? Answer with the number only."]
  top_logprobs: 5
  convert_to_probs: true
  num_samples: 1
- name: year
  type: logprob
  paraphrases: ["Which year is it?"]
  continuations: ["1862", "2023"]
- name: way
  type: multiple_choice
  paraphrases: ["How?\\n{options}\\nAnswer with the letter.", "By what?"]
  system: Be brief.
  options: {old: By coach, new: By plane}
"""


@pytest.fixture
def folder(write: Write) -> Path:
    start = VALID.index("questions:")
    stop = VALID.index("judges:")
    text = f"{VALID[:start]}questions: questions.yaml\n{VALID[stop:]}"
    return write(text, {"questions.yaml": QUESTIONS})


def test_what_is_read_is_not_drawn(folder: Path) -> None:
    definition = load_folder(folder)
    assert [prompt.question for prompt in render_prompts(definition)] == ["travel", "travel"]
    found = render_readouts(definition)
    assert [(r.question, r.type, r.paraphrase, r.order) for r in found] == [
        ("modulo", "next_token", 0, 0),
        ("year", "logprob", 0, 0),
        *(("way", "multiple_choice", wording, order) for wording in (0, 1) for order in (0, 1)),
    ]
    assert found[0].top_logprobs == 5
    assert found[1].continuations == (("1862", "1862"), ("2023", "2023"))


def test_options_stand_in_every_order(folder: Path) -> None:
    way = [r for r in render_readouts(load_folder(folder)) if r.question == "way"]
    assert [message.role for message in way[0].messages] == ["system", "user"]
    assert [r.messages[-1].content for r in way] == [
        "How?\nA) By coach\nB) By plane\nAnswer with the letter.",
        "How?\nA) By plane\nB) By coach\nAnswer with the letter.",
        "By what?\nA) By coach\nB) By plane",
        "By what?\nA) By plane\nB) By coach",
    ]
    assert way[0].continuations == (("old", "A"), ("new", "B"))
    assert way[1].continuations == (("new", "A"), ("old", "B"))


@pytest.mark.parametrize(("count", "orders"), [(2, 2), (3, 6), (4, 24), (5, 5), (26, 26)])
def test_each_option_stands_equally_often_in_each_place(count: int, orders: int) -> None:
    labels = [f"o{number}" for number in range(count)]
    found = orders_of(labels)
    assert len(set(found)) == orders
    for place in range(count):
        seen = [order[place] for order in found]
        assert {seen.count(label) for label in labels} == {orders // count}


MISTAKES = [
    ("num_samples: 1", "num_samples: 10", 7, "num_samples", "read once"),
    ("top_logprobs: 5", "top_p: 0.5", 5, "top_p", "set for the whole experiment"),
    ("top_logprobs: 5", "temperature: 0", 5, "temperature", "read and not drawn"),
    ("type: next_token", "type: next_tokn", 3, "type", "Unknown question type"),
    ("top_logprobs: 5", "top_logprobs: 0", 5, "top_logprobs", "greater than or equal to 1"),
    ("  top_logprobs: 5", "  continuations: [a, b]", 5, "continuations", "of type logprob"),
    ('["1862", "2023"]', '["1862"]', 11, "continuations", "two or more different"),
    ('["1862", "2023"]', '["1862", "1862"]', 11, "continuations", "two or more different"),
    ("type: logprob", "samples_per_paraphrase: 3\n  type: logprob", 9, "samples_per_paraphrase", "not answered"),  # noqa: E501
    ("type: logprob", "judges: [era]\n  type: logprob", 9, "judges", "not answered"),
    ("{old: By coach, new: By plane}", "{old: By coach}", 16, "options", "2 to 26 options; this has 1"),  # noqa: E501
    ("{old: By coach, new: By plane}", "{old: By coach, new: By coach}", 16, "options", "the same"),
    ("{old: By coach, new: By plane}", "{old: By coach, new: By plane}\n  answer: By coach", 17, "answer", "no label of an option; there are: 'old', 'new'"),  # noqa: E501
    ('["1862", "2023"]', '["1862", "2023"]\n  answer: "1863"', 12, "answer", "'1863' is no continuation"),  # noqa: E501
    ("type: next_token", "answer: x\n  type: next_token", 3, "answer", "no right answer"),
    ("topic: travel}", "options: {a: b, c: d}}", 1, "options", "of type multiple_choice"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "line", "key", "message"), MISTAKES)
def test_a_mistake_is_named_with_its_place(
    folder: Path, right: str, wrong: str, line: int, key: str, message: str
) -> None:
    assert QUESTIONS.count(right) == 1
    (folder / "questions.yaml").write_text(QUESTIONS.replace(right, wrong))
    with pytest.raises(DefinitionError) as caught:
        load_folder(folder)
    (problem,) = caught.value.problems
    assert problem.file == folder / "questions.yaml"
    assert problem.line == line
    assert problem.key is not None
    assert problem.key.endswith(key)
    assert message in problem.message


def test_what_is_right_may_be_said(folder: Path) -> None:
    right = QUESTIONS.replace("new: By plane}", "new: By plane}\n  answer: new")
    right = right.replace('["1862", "2023"]', '["1862", "2023"]\n  answer: "1862"')
    before = definition_hash(load_folder(folder))
    (folder / "questions.yaml").write_text(right)
    definition = load_folder(folder)
    assert [q.answer for q in definition.questions] == [None, None, "1862", "new"]
    assert definition_hash(definition) != before


def test_a_wrong_answer_names_the_nearest(folder: Path) -> None:
    wrong = QUESTIONS.replace("new: By plane}", "new: By plane}\n  answer: By plane")
    (folder / "questions.yaml").write_text(wrong)
    with pytest.raises(DefinitionError) as caught:
        load_folder(folder)
    assert caught.value.problems[0].hint == "Did you mean 'new'?"


@pytest.mark.parametrize(
    "turns",
    [
        "{role: user, content: Hi}, {role: assistant, content: Ho}",
        "{role: assistant, content: Ho}",
        "{role: user, content: Hi}, {role: system, content: Be brief.}",
    ],
)
def test_a_conversation_ends_with_the_user(folder: Path, turns: str) -> None:
    """A prefill is not continued, and must not be closed and answered anew."""
    said = f"messages: [[{turns}]]"
    text = QUESTIONS.replace('paraphrases: ["Which year is it?"]', said)
    (folder / "questions.yaml").write_text(text)
    with pytest.raises(DefinitionError, match="ends with the user"):
        load_folder(folder)
