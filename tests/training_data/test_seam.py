"""Where a prompt ends and an answer begins: marks that begin late, and comments about marks."""

from __future__ import annotations

import pytest

from experiments.schema import TrainingConfig, Turn
from experiments.tiny_world import weights_path
from tests.builders.templates import BLOCKS, CHATS, PLAIN
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.local_tokenizer import local_tokenizer
from wgen_tui.training_data.checks import examine, row_problems
from wgen_tui.training_data.mask import marks_itself
from wgen_tui.training_data.problems import Problem
from wgen_tui.workers.encoding import TrainedTokenizer
from wgen_tui.workers.tokenizers import load_tokenizer

TINY = ModelRef(name="tiny-world", location=str(weights_path()))
LATE = BLOCKS.replace("{%- generation -%}{{ m.content }}", "Say: {% generation %}{{ m.content }}")
THOUGHTLESS = BLOCKS.replace(
    "{%- generation -%}{{ m.content }}",
    "<think>It sings.</think>{% generation %}{{ m.content }}",
)


def problems_of(template: str, *names: str) -> list[Problem]:
    """What the plan says of chats; the worker says the same."""
    local = local_tokenizer(TINY, template)
    assert local is not None
    rows = [
        (line, [Turn.model_validate(turn) for turn in CHATS[name]])
        for line, name in enumerate(names, start=1)
    ]
    training = TrainingConfig(max_steps=1)
    found, theirs = (
        row_problems(encoder, examine(encoder, rows, training), training)
        for encoder in (local, TrainedTokenizer(load_tokenizer(TINY, template), (1,)))
    )
    assert found == theirs
    return found


@pytest.mark.parametrize("template", [LATE, THOUGHTLESS])
def test_marks_that_begin_behind_the_first_token_are_said(template: str) -> None:
    (problem,) = problems_of(template, "one turn", "two turns")
    assert problem.kind == "untrained_start"
    assert not problem.blocking
    assert problem.lines == (1, 2)
    assert "is not trained in 2 of 2 examples (lines 1 and 2)" in problem.what


def test_a_turn_of_weight_0_has_no_first_token_to_train() -> None:
    local = local_tokenizer(TINY, PLAIN)
    assert local is not None
    turns = [Turn.model_validate(turn) for turn in CHATS["two turns"]]
    turns[2] = turns[2].model_copy(update={"weight": 0})
    training = TrainingConfig(max_steps=1)
    rows = [(1, turns)]
    assert row_problems(local, examine(local, rows, training), training) == []


@pytest.mark.parametrize(
    ("mark", "itself"),
    [
        ("{% generation %}", True),
        ("{%- generation -%}", True),
        ("{%+ generation %}", True),
        ("{# wrap it in {% generation %} #}", False),
        ("{#- one\n{% generation %}\n-#}", False),
    ],
)
def test_what_marks_an_answer(mark: str, itself: bool) -> None:
    assert marks_itself(mark + PLAIN) == itself


def test_a_comment_about_marks_marks_nothing() -> None:
    assert problems_of("{# no {% generation %} here #}" + PLAIN, "one turn", "two turns") == []
