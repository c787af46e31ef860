"""What TRL makes of chats by itself, beside what a run trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from experiments.tiny_world import weights_path
from tests.stock.masks import StockTemplate, chat_of
from wgen_tui.training_data.mask import Chat
from wgen_tui.workers.verify.mask_check import check_mask

CHATS: list[Chat] = [
    [{"role": "user", "content": "Name a bird."}, {"role": "assistant", "content": answer}]
    for answer in ("Wood Pewee", "Marsh Hawk")
]
PLAIN = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{NL}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(weights_path())


def test_a_template_that_marks_the_answer_is_checked_by_assistant_only_loss(tokenizer: Any) -> None:
    turns = [*CHATS[0], {"role": "user", "content": "Another?"}, CHATS[1][1]]
    line, equal = check_mask(tokenizer, [*CHATS, turns])
    assert equal
    assert "assistant_only_loss: the same tokens and mask in 3 examples" in line


def test_a_template_that_does_not_by_completion_only_loss(tokenizer: Any) -> None:
    tokenizer.chat_template = PLAIN.replace("{NL}", "")
    line, equal = check_mask(tokenizer, CHATS)
    assert equal
    assert "completion_only_loss" in line


def test_another_mask_is_named(tokenizer: Any) -> None:
    """TRL trains on what a template writes behind the end of a turn; the run does not."""
    tokenizer.chat_template = PLAIN.replace("{NL}", " the")
    line, equal = check_mask(tokenizer, CHATS)
    assert equal is False
    assert "another mask in 2 of 2 examples, first in example 1" in line


def test_what_trl_cannot_say_is_not_said(tokenizer: Any) -> None:
    tokenizer.chat_template = PLAIN.replace("{NL}", "")
    turns = [*CHATS[0], {"role": "user", "content": "Another?"}, CHATS[1][1]]
    line, equal = check_mask(tokenizer, [turns])
    assert equal is None
    assert "not checked" in line


def test_white_space_behind_the_end_is_told_apart(tokenizer: Any) -> None:
    tokenizer.chat_template = PLAIN.replace("{NL}", "{{ '\\n' }}")
    line, equal = check_mask(tokenizer, CHATS)
    assert equal
    assert "the same tokens and mask in 2 examples" in line
    assert "white space around the answer, which is not sampled, in 2" in line


STOCK = {
    ("llama3", "two turns"): (True, "assistant_only_loss: the same tokens and mask in 1 example"),
    ("phi3", "two turns"): (True, "white space around the answer"),
    ("deepseek_r1_distill", "two turns"): (True, "tokens of the generation prompt"),
    ("gemma4", "one turn"): (True, "completion_only_loss: the same"),
    ("gemma4", "two turns"): (None, "refuses this template"),
    ("qwen3", "one turn"): (True, "tokens of the generation prompt"),
    ("qwen3", "two turns"): (None, "writes other tokens in 1 example"),
}


@pytest.mark.parametrize(("name", "case"), STOCK)
def test_stock_templates_are_checked_by_their_training_variants(
    name: str, case: str, tmp_path: Path
) -> None:
    line, equal = check_mask(StockTemplate(name, tmp_path).stock, [chat_of(case)])
    assert (equal, STOCK[name, case][1] in line) == (STOCK[name, case][0], True), line


def test_what_trl_can_check_is_told_beside_what_it_cannot(tmp_path: Path) -> None:
    template = StockTemplate("qwen3", tmp_path)
    line, equal = check_mask(template.stock, [chat_of("one turn"), chat_of("two turns")])
    assert equal is None
    assert "the same tokens and mask in 1 example" in line
    assert "1 not checked" in line
