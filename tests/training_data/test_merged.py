"""Turns that a template writes as one are named, and only those."""

from __future__ import annotations

import pytest

from experiments.prompts import Prompt
from experiments.schema import Message, TrainingConfig, Turn
from experiments.tiny_world import weights_path
from tests.builders.templates import CHATS, PLAIN
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.local_tokenizer import LocalTokenizer, local_tokenizer
from wgen_tui.training_data.checks import examine, prompt_problems, row_problems
from wgen_tui.training_data.mask import Chat
from wgen_tui.training_data.merged import Merged, find_merged

TINY = ModelRef(name="tiny-world", location=str(weights_path()))
# The system prompt stands in the first turn of the user's.
INTO_USER = (
    "{% for m in messages if m.role != 'system' %}<|{{ m.role }}|>"
    "{% if loop.first and messages[0].role == 'system' %}{{ messages[0].content }}\n\n{% endif %}"
    "{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
WITH_HEADER = INTO_USER.replace("{{ messages[0].content }}\n\n", "({{ messages[0].content }}) ")
# Turns of one role, one after the other, stand below one header.
GROUPS = (
    "{% for m in messages %}{% if loop.first or m.role != messages[loop.index0 - 1].role %}"
    "<|{{ m.role }}|>{% else %}\n{% endif %}{{ m.content }}"
    "{% if loop.last or m.role != messages[loop.index0 + 1].role %}<|end|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TWICE: Chat = [{"role": "user", "content": "Name a bird."}, *CHATS["one turn"]]


def local(template: str) -> LocalTokenizer:
    encoder = local_tokenizer(TINY, template)
    assert encoder is not None
    return encoder


def turns(chat: Chat) -> list[Turn]:
    return [Turn.model_validate(turn) for turn in chat]


@pytest.mark.parametrize(
    ("template", "pairs"),
    [
        (PLAIN, []),
        (INTO_USER, [Merged(4, ("system", "user"))]),
        (INTO_USER.replace("\n\n", " \n"), [Merged(4, ("system", "user"))]),
        (WITH_HEADER, []),
        (GROUPS, [Merged(7, ("user", "user"))]),
    ],
)
def test_what_is_written_as_one_turn(template: str, pairs: list[Merged]) -> None:
    rows = [(2, turns(CHATS["one turn"])), (4, turns(CHATS["two turns"])), (7, turns(TWICE))]
    assert find_merged(local(template).render, rows) == pairs


def test_it_is_said_of_examples_and_prompts_and_keeps_nothing_from_training() -> None:
    encoder = local(INTO_USER)
    rows = [(2, turns(CHATS["one turn"])), (4, turns(CHATS["two turns"]))]
    training = TrainingConfig(max_steps=1)
    encoded = examine(encoder, rows, training)
    (problem,) = row_problems(encoder, encoded, training)
    assert not problem.blocking
    assert problem.lines == (4,)
    assert problem.what == (
        "the chat template writes the system prompt into the user's turn that follows, in 1 of 2 "
        "examples (line 4)"
    )
    asked = tuple(Message.model_validate(turn) for turn in CHATS["two turns"][:2])
    (problem,) = prompt_problems(encoder, [Prompt("q", 0, "told", asked)])
    assert problem.what.endswith("the user's turn that follows, in 1 of 1 prompt")
