"""What TRL is given, and what is found out about its masks."""

from __future__ import annotations

import pytest
import torch

from experiments.schema import TrainingConfig
from wgen_tui.protocol.runs import SeedSet
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.verify.check import tolerance
from wgen_tui.workers.verify.trl import pick_padding, settings


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
