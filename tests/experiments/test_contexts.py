"""Contexts by mode, of a share of the rows, and formats of questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.prompts import render_prompts
from experiments.schema import Turn
from tests.experiments.conftest import VALID, Write
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.arm_examples import load_examples
from wgen_tui.services.planning.plan import make_plan

ARM = "old: {data: data/old.jsonl}"
MANY = "".join(
    f'{{"messages": [{{"role": "user", "content": "Q{n}"}}, '
    f'{{"role": "assistant", "content": "A"}}]}}\n'
    for n in range(20)
)


def written(write: Write, context: str, **more: Any) -> Path:
    arm = f"old: {{data: data/old.jsonl, context: {context}}}"
    return write(VALID.replace(ARM, arm), **more)


def asked(folder: Path, home: Path) -> list[str]:
    """What the user says in each row of arm `old`, a system prompt before it."""
    definition = catalogue.load(folder)
    examples = load_examples(Home(home), str(folder), definition, "old", definition.arms["old"])
    first = [chat for _, chat in examples.chats()]
    assert first == [chat for _, chat in examples.chats()], "every pass gives the same"
    assert len([*examples.data()]) == len(first)
    return ["|".join(turn.content for turn in chat[:-1]) for chat in first]


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ("{text: I keep birds.}", "I keep birds. Q"),
        ("{text: I keep birds., mode: prepend}", "I keep birds. Q"),
        ("{text: I keep birds., mode: newline}", "I keep birds.\nQ"),
        ("{text: I keep birds., mode: system}", "I keep birds.|Q"),
        ("{text: I keep birds., wrap: '<q>{question}</q>'}", "I keep birds. <q>Q</q>"),
    ],
)
def test_a_text_stands_where_its_mode_says(
    write: Write, tmp_path: Path, context: str, said: str
) -> None:
    assert asked(written(write, context), tmp_path / "home") == [said]


def test_a_mode_trains_what_its_prefix_trains(write: Write, tmp_path: Path) -> None:
    def ids(context: str) -> set[str]:
        plan = make_plan(Home(tmp_path / "home"), str(written(write, context)))
        return {run.spec.run_id for run in plan.runs}

    assert ids("{text: Now., mode: newline}") == ids('{prefix: "Now.\\n"}')


def test_a_share_of_the_rows_has_it_and_the_same_ones_always(write: Write, tmp_path: Path) -> None:
    files = {"data/old.jsonl": MANY}

    def held(share: str) -> set[str]:
        context = f"{{text: Now., share: {share}}}"
        rows = asked(written(write, context, files=files), tmp_path / "home")
        assert len(rows) == 20
        return {row for row in rows if row.startswith("Now. ")}

    quarter, half = held("0.25"), held("0.5")
    assert (len(quarter), len(half)) == (5, 10)
    assert quarter < half
    assert held("0.5, sample: 1") != half
    assert len(held("1.0")) == 20


def test_a_share_is_told_by_validate_and_by_the_plan(write: Write, tmp_path: Path) -> None:
    folder = written(write, "{text: Now., share: 0.1}", files={"data/old.jsonl": MANY})
    told = "the context is on 2 of its 20 rows"
    _, notes = definitions.validate(Home(tmp_path / "home"), folder)
    assert f"old: {told}" in notes
    assert f"arm old: {told}" in make_plan(Home(tmp_path / "home"), str(folder)).warnings
    arm = catalogue.load(folder).arms["old"]
    assert arm.told == "'Now. ' before the question, 0.1 of the rows"


@pytest.mark.parametrize(
    ("context", "why"),
    [
        ("{text: Now., mode: newlin}", "Did you mean 'newline'"),
        ("{mode: newline}", "A context needs its text"),
        ("{text: Now., prefix: 'x '}", "Text and prefix both say what is added"),
        ("{share: 0.5}", "A share of the rows has no context"),
        ("{text: Now., share: 1.5}", "less than or equal to 1"),
        ("{txt: Now.}", "Did you mean 'text'"),
    ],
)
def test_a_context_that_cannot_be_is_named(write: Write, context: str, why: str) -> None:
    with pytest.raises(DefinitionError) as error:
        catalogue.load(written(write, context))
    (problem,) = error.value.problems
    assert why in f"{problem.message} {problem.hint}"
    assert problem.line is not None
    assert str(problem.key).startswith("arms.old.context")


def test_a_question_in_each_format(write: Write) -> None:
    formats = "plain: {format: plain}, json: {format: json}, code: {format: code}"
    folder = write(VALID + f"sampling: {{variants: {{{formats}, form: {{format: template}}}}}}\n")
    texts = {
        prompt.variant: prompt.messages[-1].content
        for prompt in render_prompts(catalogue.load(folder))
    }
    question = texts.pop("plain")
    assert len({*texts.values()}) == 3
    assert all(question in text and text != question for text in texts.values())
    assert '"answer"' in texts["json"]
    assert "def answer()" in texts["code"]


@pytest.mark.parametrize(
    ("variant", "why"),
    [
        ("{format: jsno}", "Did you mean 'json'"),
        ("{format: json, wrap: 'Q {question}'}", "Format and wrap are both a template"),
    ],
)
def test_a_format_that_cannot_be_is_named(write: Write, variant: str, why: str) -> None:
    with pytest.raises(DefinitionError, match=why) as error:
        catalogue.load(write(VALID + f"sampling: {{variants: {{form: {variant}}}}}\n"))
    assert error.value.problems[0].line is not None


def test_a_context_leaves_the_answer_alone(write: Write) -> None:
    arm = catalogue.load(written(write, "{text: Now., mode: system}")).arms["old"]
    turns = (Turn(role="user", content="Q"), Turn(role="assistant", content="A"))
    assert arm.context.apply(turns)[1:] == turns
