"""What is done to choose a stack's size leaves nothing behind; packing where it pays."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import torch

from tests.builders.training_home import TrainingHome
from wgen_tui.workers.train.grid.batch import should_pack


def alive() -> int:
    """Tensors that somebody holds."""
    gc.collect()
    return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())


def test_a_stack_that_was_trained_leaves_no_tensor(
    make_field: Callable[..., TrainingHome],
) -> None:
    """A pass that is only measured held all that it had saved: a GPU's memory, stack by stack."""
    counts = []
    for number in range(3):
        field = make_field(home=f"home{number}")
        field.add("r0", max_steps=2)
        field.train()
        counts.append(alive())
    assert counts[2] <= counts[1], counts  # the first brings what libraries keep


@pytest.mark.parametrize(
    ("tokens", "padded", "device", "packs"),
    [
        (400, 620, "cpu", False),  # 1.55 times as many, and a token costs 1.75 times as much
        (400, 720, "cpu", True),
        (400, 8_000, "cuda", False),  # the GPU waits for the host, whom a packed pass costs more
        (400, 8_200, "cuda", True),
        (8_000, 12_000, "cuda", False),
        (8_000, 19_000, "cuda", True),
    ],
)
def test_packing_where_it_pays(tokens: int, padded: int, device: str, packs: bool) -> None:
    assert should_pack(tokens, padded, device) is packs
