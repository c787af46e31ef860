"""What is computed with fewer operations gives what the model's own operations give."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from wgen_tui.training_data.mask import Example
from wgen_tui.workers.train.grid.batch import CollatedBatch, Head, loss_sums, pad_batch
from wgen_tui.workers.train.grid.fused_base import ROTARY, fused_ops, fused_rotary
from wgen_tui.workers.train.grid.stack import Slot, Stack

LAYER = "model.layers.1."
MODULES = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.gate_proj")
NAMES = [LAYER + name for name in (*MODULES, "mlp.up_proj", "mlp.down_proj")]
CLOSE = 1e-5


def stacked(folder: Path, scales: tuple[float, ...] = (2.0, 2.0, 2.0)) -> Stack:
    """Adapters of random weights on one layer, ready to train."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.requires_grad_(False)
    found = {name: model.get_submodule(name) for name in NAMES}
    shapes = {name: (module.in_features, module.out_features) for name, module in found.items()}
    stack = Stack(model, shapes, torch.device("cpu"))
    stack.install()
    generator = torch.Generator().manual_seed(1)
    width = stack.layout_at(4).width
    rows = [torch.randn(width, generator=generator) * 0.1 for _ in scales]
    stack.fill([Slot(row, 4, scale) for row, scale in zip(rows, scales, strict=True)], train=True)
    return stack


def batch(stack: Stack) -> CollatedBatch:
    """An example of each adapter, of different lengths."""
    examples = [
        Example(tuple(range(3 + n, 12 + 3 * n)), tuple(i > 2 for i in range(9 + 2 * n)))
        for n in range(stack.rows.size(0))
    ]
    return pad_batch([[example] for example in examples], 0, stack.device)


def gradients(stack: Stack) -> torch.Tensor:
    assert stack.grads is not None
    stack.grads.zero_()
    stack.routing.mode = "base"  # a head looks at the bare model
    loss_sums(Head(stack.model), stack, batch(stack)).sum().backward()
    return stack.grads.clone()


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


def test_modules_that_read_the_same_input_are_found(family: Callable[[str], Path]) -> None:
    groups = [
        [name.rpartition(".")[2] for name in group] for group in stacked(family("qwen3")).groups
    ]
    assert groups == [["q_proj", "k_proj", "v_proj"], ["gate_proj", "up_proj"], ["down_proj"]]


@pytest.mark.parametrize("scales", [(2.0, 2.0, 2.0), (2.0, 0.5, 1.0)])
@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2"])
def test_fused_gradients_are_those_of_the_modules_one_by_one(
    family: Callable[[str], Path], name: str, scales: tuple[float, ...]
) -> None:
    stack = stacked(family(name), scales)
    fused = gradients(stack)
    modules = [stack.model.get_submodule(module) for module in NAMES]
    assert all(module.fusion is not None for module in modules)
    for module in modules:
        module.fusion = None
    assert apart(fused, gradients(stack)) < CLOSE


@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2"])
def test_lighter_parts_change_nothing_and_are_undone(
    family: Callable[[str], Path], name: str
) -> None:
    stack = stacked(family(name))
    own = gradients(stack)
    home = sys.modules[type(stack.model).__module__]
    rotary, norm = getattr(home, ROTARY), stack.model.model.norm
    with fused_ops(stack.model):
        assert getattr(home, ROTARY) is not rotary
        # Gemma's norm is another: 1 + weight.
        assert ("forward" in vars(norm)) == (name != "gemma2")
        assert apart(gradients(stack), own) < CLOSE
    assert getattr(home, ROTARY) is rotary
    assert "forward" not in vars(norm)


def test_rotary_positions_of_another_kind_stay() -> None:
    def interleaved(
        q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        def turn(x: torch.Tensor) -> torch.Tensor:
            other = torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)
            return x * cos.unsqueeze(1) + other * sin.unsqueeze(1)

        return turn(q), turn(k)

    assert fused_rotary(interleaved) is None
