"""Modules and layers that a LoRA names and the model does not have: plan and worker say it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from experiments.schema import LoraConfig, TrainingConfig
from experiments.tiny_world import weights_path
from wgen_tui.errors import UsageError, WgenError
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.experiments.data_checks import check_targets
from wgen_tui.workers.models import load_base
from wgen_tui.workers.recipe import lora_config

TINY = ModelRef(name="tiny-world", location=str(weights_path()))
WRONG = [
    ({"target_modules": ["q_proj", "v_porj"]}, "v_porj matches no module", "v_porj → v_proj"),
    ({"target_modules": ["zzz"]}, "zzz matches no module", "q_proj"),
    ({"layers_to_transform": [0, 40, 41]}, "names 40, 41; the model has layers 0 to", ""),
    ({"target_modules": r"q_proj"}, "pattern 'q_proj' matches no module", "whole names, such as"),
    ({"target_modules": "q_proj("}, "is no regular expression", ""),
]
RIGHT: list[dict[str, Any]] = [
    {},
    {"target_modules": "all-linear", "layers_to_transform": [0, 1]},
    {"target_modules": ["q_proj", "mlp.up_proj", "embed_tokens"]},
    {"target_modules": r".*\.q_proj"},
]


def training(**lora: Any) -> TrainingConfig:
    return TrainingConfig(max_steps=1, lora=LoraConfig(**lora))


@pytest.fixture(scope="module")
def model() -> Any:
    return load_base(TINY, training(), None, torch.device("cpu")).model


@pytest.mark.parametrize(("lora", "message", "hint"), WRONG)
def test_what_is_not_there_is_refused_by_both(
    model: Any, lora: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=message) as planned:
        check_targets(training(**lora), TINY)
    assert hint in planned.value.hint
    with pytest.raises(WgenError, match=message):
        lora_config(training(**lora), model)


@pytest.mark.parametrize("lora", RIGHT)
def test_what_is_there_is_taken_by_both(model: Any, lora: dict[str, Any]) -> None:
    check_targets(training(**lora), TINY)
    lora_config(training(**lora), model)
