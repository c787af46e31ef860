"""What is asked twice, or not at all, is said."""

from __future__ import annotations

from pathlib import Path

import pytest

import experiments
from experiments import catalogue
from experiments.checking.prompt_notes import prompt_notes
from experiments.checking.training import training_notes
from experiments.errors import DefinitionError
from experiments.suggest import did_you_mean
from tests.experiments.conftest import VALID, Write

HEAD = VALID[: VALID.index("questions:\n")]
ASKED = "questions: [{name: q, paraphrases: [How, Why]}]\n"


def notes(write: Write, text: str) -> list[str]:
    return prompt_notes(catalogue.load(write(HEAD + text)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("questions: [{name: q, paraphrases: [How, Why, How]}]\n", "wordings 0 and 2 ask the same"),
        ("questions: [{name: q, paraphrases: [How, '  ']}]\n", "wording 1 is empty"),
        (
            ASKED + "sampling: {n: 1, variants: {none: , x: {prefix: ''}}}\n",
            "variants none and x ask the same, and count twice",
        ),
        (ASKED + "sampling: {n: 3, temperature: 0}\n", "all 3 draws of a prompt are the same"),
        (
            ASKED.replace("name: q,", "name: q, temperature: 0,") + "sampling: {n: 3}\n",
            "question q: at its temperature 0 all 3 draws",
        ),
    ],
)
def test_each_is_said_once(write: Write, text: str, told: str) -> None:
    (note,) = notes(write, text)
    assert told in note


@pytest.mark.parametrize(
    "text",
    [
        ASKED,
        ASKED + "sampling: {n: 1, temperature: 0}\n",
        ASKED + "sampling: {n: 3, variants: {none: , x: {prefix: 'a '}}}\n",
        "questions: [{name: q, paraphrases: [How]}, {name: r, paraphrases: [How]}]\n",
    ],
)
def test_nothing_is_said_of_what_differs(write: Write, text: str) -> None:
    assert notes(write, text) == []


def test_a_warm_up_that_outlasts_the_training_is_said(write: Write) -> None:
    def told(steps: int) -> list[str]:
        text = VALID.replace("max_steps:", f"warmup_steps: {steps}\n  max_steps:", 1)
        assert text != VALID
        return training_notes(catalogue.load(write(text)))

    assert told(1) == []
    (note,) = told(10_000)
    assert "the learning rate never reaches its value" in note


def test_what_ships_asks_nothing_twice() -> None:
    folders = [path.parent for path in Path(experiments.__file__).parent.glob("*/experiment.yaml")]
    assert len(folders) > 5
    for folder in folders:
        assert prompt_notes(catalogue.load(folder)) == []


@pytest.mark.parametrize(
    ("change", "key", "why"),
    [
        ("models: [tiny-world, tiny-world]", "models[1]", "'tiny-world' stands twice"),
        (
            "sampling: {n: 1, variants: {y: {prefix: '{value} ', values: []}}}",
            "sampling.variants.y.values",
            "There is no value",
        ),
    ],
)
def test_what_stands_twice_or_for_nothing(write: Write, change: str, key: str, why: str) -> None:
    section = change.partition(":")[0]
    head = "\n".join(line for line in HEAD.splitlines() if not line.startswith(f"{section}:"))
    with pytest.raises(DefinitionError, match=why) as caught:
        catalogue.load(write(f"{head}\n{ASKED}{change}\n"))
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("save_steps", "Did you mean 'checkpoints'?"),
        ("eval_steps", "Leave it out; sampling.during_training"),
        ("logging_steps", "Every step is logged"),
        ("output_dir", "Leave it out"),
        ("lora_rank", "Did you mean 'r'?"),
        ("max_step", "Did you mean 'max_steps'?"),
    ],
)
def test_no_hint_leads_to_a_key_that_means_another_thing(word: str, hint: str) -> None:
    known = ["max_steps", "warmup_steps", "checkpoints", "r", "learning_rate"]
    assert did_you_mean(word, known).startswith(hint)


def test_of_hundreds_of_names_the_first_are_listed() -> None:
    said = did_you_mean("zzz", [f"exp-{number:03}" for number in range(500)])
    assert said.endswith("exp-038, exp-039 and 460 more.")


@pytest.mark.parametrize(
    ("name", "text", "hint"),
    [
        ("q.yaml", "- How do people travel?\n", 'paraphrases: ["How do people travel?"]'),
        ("q.yaml", "- {id: r, type: rating, paraphrases: [Rate it]}\n", "type: next_token"),
        ("q.csv", "question,answer\nWho?,x\n", "file: {path: q.csv, text: question}"),
        ("q.jsonl", '{"question": "Who?"}\n', "file: {path: q.jsonl, text: question}"),
    ],
)
def test_a_question_file_of_another_shape_is_told_the_way(
    write: Write, name: str, text: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(f"{HEAD}questions: {name}\n", {name: text}))
    assert hint in caught.value.problems[0].hint


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        ("https://example.org/old.jsonl", "fetch it, and name the file"),
        ("org/some-dataset", "fetch it, and name the file"),
        ("data/od.jsonl", "Did you mean 'data/old.jsonl'?"),
    ],
)
def test_no_other_file_is_proposed_for_an_address(write: Write, data: str, hint: str) -> None:
    text = HEAD.replace("data/old.jsonl", data, 1) + ASKED
    with pytest.raises(DefinitionError) as caught:
        catalogue.load(write(text))
    assert hint in caught.value.problems[0].hint
