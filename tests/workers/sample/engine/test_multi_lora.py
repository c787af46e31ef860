"""Rows through adapters on one base get what PEFT computes for each adapter alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from wgen_tui.workers.adapters import read_adapter
from wgen_tui.workers.sample.engine.forward import ModelRunner
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots

CONFIGS = (
    {"r": 8, "lora_alpha": 16},
    {"r": 2, "lora_alpha": 6, "use_rslora": True},
    {"r": 5, "lora_alpha": 5, "target_modules": ["q_proj", "down_proj"]},
)
PROMPTS = ([5, 6, 7], [9, 10, 11, 12, 13, 14], [20])


def load(folder: Path, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    return model.requires_grad_(False)


def write_adapter(model: Path, folder: Path, config: dict[str, object], seed: int) -> Path:
    """A stock PEFT folder whose adapter changes the model."""
    torch.manual_seed(seed)
    peft = get_peft_model(load(model), LoraConfig(**{"target_modules": "all-linear", **config}))
    for name, weight in peft.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    peft.save_pretrained(folder)
    return folder


@pytest.fixture
def folders(family: Callable[[str], Path], tmp_path: Path) -> Callable[[str], list[Path]]:
    def make(name: str) -> list[Path]:
        return [
            write_adapter(family(name), tmp_path / f"a{number}", dict(config), number)
            for number, config in enumerate(CONFIGS)
        ]

    return make


def logits(model: torch.nn.Module, prompt: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(torch.tensor([prompt])).logits[0, -1]
    return found


@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2"])
def test_each_row_gets_its_own_adapter(
    family: Callable[[str], Path], folders: Callable[[str], list[Path]], name: str
) -> None:
    base, made = load(family(name)), folders(name)
    slots = AdapterSlots(base)
    slots.load([read_adapter(folder) for folder in made])
    runner = ModelRunner(base, 0, slots)
    rows = [(slot, prompt) for slot in (NO_SLOT, 0, 1, 2) for prompt in PROMPTS]

    found = runner.prefill([p for _, p in rows], [s for s, _ in rows]).logits

    for number, (slot, prompt) in enumerate(rows):
        stock = load(family(name))
        if slot != NO_SLOT:
            stock = PeftModel.from_pretrained(stock, made[slot])
        torch.testing.assert_close(found[number], logits(stock, prompt), rtol=1e-4, atol=1e-5)
    alone = runner.prefill([PROMPTS[1]], [1]).logits[0]
    torch.testing.assert_close(alone, found[rows.index((1, PROMPTS[1]))], rtol=1e-4, atol=1e-5)


def test_half_precision_is_rounded_as_peft_does(
    family: Callable[[str], Path], folders: Callable[[str], list[Path]]
) -> None:
    base, made = load(family("llama"), torch.bfloat16), folders("llama")
    slots = AdapterSlots(base)
    slots.load([read_adapter(folder) for folder in made])
    found = ModelRunner(base, 0, slots).prefill([PROMPTS[1]], [0]).logits[0]
    stock = PeftModel.from_pretrained(load(family("llama"), torch.bfloat16), made[0])
    assert torch.equal(found, logits(stock, PROMPTS[1]))


def test_the_base_is_the_base(
    family: Callable[[str], Path], folders: Callable[[str], list[Path]]
) -> None:
    base = load(family("llama"))
    names = [name for name, _ in base.named_modules()]
    before = ModelRunner(base, 0).prefill([PROMPTS[0]]).logits
    slots = AdapterSlots(base)
    slots.load([read_adapter(folder) for folder in folders("llama")])
    assert torch.equal(ModelRunner(base, 0, slots).prefill([PROMPTS[0]]).logits, before)
    slots.clear()
    assert [name for name, _ in base.named_modules()] == names
    assert torch.equal(ModelRunner(base, 0).prefill([PROMPTS[0]]).logits, before)


def test_rows_that_go_on_keep_their_adapters(
    family: Callable[[str], Path], folders: Callable[[str], list[Path]]
) -> None:
    base = load(family("llama"))
    slots = AdapterSlots(base)
    slots.load([read_adapter(folder) for folder in folders("llama")])
    runner = ModelRunner(base, 0, slots)
    state = runner.prefill(PROMPTS, [2, NO_SLOT, 0])
    runner.select(state, [2, 0, 0])
    found = runner.decode(state, torch.tensor([[3], [4], [5]]))[:, -1]
    whole = runner.prefill([[20, 3], [5, 6, 7, 4], [5, 6, 7, 5]], [0, 2, 2]).logits
    torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-5)
