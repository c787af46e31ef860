"""How many adapters are trained together: as many as memory holds and the machine can use.

Promises: the size is measured on one real pass of the longest examples, not guessed from the
model's name; what was found is said. A size that does not fit after all is halved by the trainer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch

from wgen_tui.protocol.limits import (
    MAX_TRAINED_ADAPTERS,
    TRAINED_ADAPTER_BYTES,
    TRAINING_SHARE,
    pass_tokens,
)
from wgen_tui.workers.data import Example
from wgen_tui.workers.train.grid.batch import Head, Pass, loss_sums, padded
from wgen_tui.workers.train.grid.stack import Stack


@dataclass(frozen=True)
class Fit:
    """How many, and why."""

    most: int
    reason: str


def fit(
    model: Any,
    head: Head,
    stack: Stack,
    longest: Sequence[Example],
    pad: int,
    width: int,
    asked: int | None,
) -> Fit:
    """Measure what one adapter takes.

    Args:
        model: With a stack of one adapter on it.
        head: Its head.
        stack: That stack.
        longest: The largest batch that any adapter will have, by tokens.
        pad: Token that fills rows.
        width: Weights of an adapter.
        asked: The user's own limit.
    """
    made = padded([longest], pad, stack.device)
    tokens = made.ids.numel()
    bytes_each = _saved_bytes(model, head, stack, made) + TRAINED_ADAPTER_BYTES * width
    free = _free_bytes(stack.device)
    room = max(1, int(free * TRAINING_SHARE / max(bytes_each, 1)))
    use = max(1, pass_tokens(on_gpu=stack.device.type == "cuda") // tokens)
    most = min(MAX_TRAINED_ADAPTERS, room, use, asked or MAX_TRAINED_ADAPTERS)
    why = {
        MAX_TRAINED_ADAPTERS: "the most",
        use: f"{tokens} tokens each keep the machine busy",
        room: "memory",
    }
    if asked is not None and most == asked:
        why[most] = "as asked"
    reason = (
        f"up to {most} adapters together ({why[most]}; one takes "
        f"{bytes_each / 2**20:.0f} MB of {free / 2**20:.0f} MB free)"
    )
    return Fit(most, reason)


def _saved_bytes(model: Any, head: Head, stack: Stack, made: Pass) -> int:
    """What one forward pass keeps for the backward pass, each storage once, in bytes.

    The base's own weights are kept too and cost nothing more.
    """
    owned = {p.untyped_storage().data_ptr() for p in model.parameters()}
    owned |= {b.untyped_storage().data_ptr() for b in model.buffers()}
    seen: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss_sums(head, stack, made).sum()
    return sum(seen.values())


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + cached)
    return int(psutil.virtual_memory().available)
