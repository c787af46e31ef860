"""What TRL is given, and what is found out about its masks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from experiments.schema import TrainingConfig
from experiments.tiny_world import weights_path
from wgen_tui.protocol.runs import SeedSet
from wgen_tui.training_data.mask import Chat, Example
from wgen_tui.workers.verify.check import tolerance
from wgen_tui.workers.verify.trl import check_mask, pick_padding, settings

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


def test_every_setting_is_ours_not_trls() -> None:
    training = TrainingConfig(max_steps=50, warmup_ratio=0.05, max_grad_norm=None)
    seeds = SeedSet(seed=0, data_order=1, lora_init=2, sampling=3)
    made = settings(training, seeds, 50, torch.device("cpu"), "folder")
    assert made["warmup_steps"] == 3
    assert made["max_grad_norm"] == 0
    assert (made["seed"], made["data_seed"]) == (2, 1)
    assert made["gradient_checkpointing"] is False
    assert made["bf16"] is False
    assert made["learning_rate"] == training.learning_rate


def test_padding_makes_every_batch_longer_where_it_can() -> None:
    def batch(width: int) -> list[Example]:
        return [Example((1,) * width, (True,) * width)]

    assert pick_padding([batch(15), batch(22)]) == 8
    assert pick_padding([batch(16), batch(22)]) == 24
    assert pick_padding([batch(width) for width in range(20, 80)]) == 80


def test_what_passes() -> None:
    assert tolerance("fp32", None) == 1e-4
    assert tolerance("fp32", 1e-6) == 1e-4
    assert tolerance("fp32", 2e-5) == pytest.approx(2e-4)
    assert tolerance("fp32", 5e-4) == pytest.approx(2e-3)
    assert tolerance("fp32", 9e-3) == pytest.approx(2.7e-2)
    assert tolerance("bf16", 0.025) == pytest.approx(0.05)
