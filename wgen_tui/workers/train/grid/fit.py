"""How many adapters are trained together: as many as memory holds and the machine can use.

Promises: what one adapter takes is measured on one real pass of the largest batch, not guessed from
the model's name, and the choice comes with its reason. A size that does not fit after all is halved
by the trainer.
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
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.train.grid.batch import CollatedBatch, Head, loss_sums, pad_batch
from wgen_tui.workers.train.grid.stack import Stack
from wgen_tui.workers.train.run import TrainingRun


@dataclass(frozen=True)
class StackSize:
    """How many adapters, and why."""

    adapters: int
    reason: str


def choose_stack_size(
    model: Any,
    head: Head,
    stack: Stack,
    largest: Sequence[Example],
    pad_id: int,
    width: int,
    max_adapters: int | None,
) -> StackSize:
    """Measure what one adapter takes, and choose by it.

    Args:
        model: With a stack of one adapter on it.
        head: Its head.
        stack: That stack.
        largest: The largest batch that any adapter will have, padded tokens counted.
        pad_id: Token that fills rows.
        width: Weights of an adapter.
        max_adapters: The user's own limit.
    """
    batch = pad_batch([largest], pad_id, stack.device)
    tokens = batch.ids.numel()
    bytes_each = _saved_bytes(model, head, stack, batch) + TRAINED_ADAPTER_BYTES * width
    free = _free_bytes(stack.device)
    by_memory = max(1, int(free * TRAINING_SHARE / max(bytes_each, 1)))
    by_speed = max(1, pass_tokens(on_gpu=stack.device.type == "cuda") // tokens)
    limit = max_adapters or MAX_TRAINED_ADAPTERS
    adapters = min(MAX_TRAINED_ADAPTERS, by_memory, by_speed, limit)
    why = {
        MAX_TRAINED_ADAPTERS: "the most",
        by_speed: f"{tokens} tokens each keep the machine busy",
        by_memory: "memory",
    }
    if adapters == max_adapters:
        why[adapters] = "as asked"
    reason = (
        f"up to {adapters} adapters together ({why[adapters]}; one takes "
        f"{bytes_each / 2**20:.0f} MB of {free / 2**20:.0f} MB free)"
    )
    return StackSize(adapters, reason)


def largest_batch(runs: Sequence[TrainingRun]) -> list[Example]:
    """The batch with the most tokens, padding included, that any of these runs may have."""

    def longest_examples(run: TrainingRun) -> list[Example]:
        size = run.training.per_device_train_batch_size
        return sorted(run.passed, key=lambda e: -len(e.ids))[:size]

    return max(map(longest_examples, runs), key=lambda batch: len(batch) * len(batch[0].ids))


def _saved_bytes(model: Any, head: Head, stack: Stack, batch: CollatedBatch) -> int:
    """What one forward pass keeps for the backward pass, each storage once, in bytes.

    The base's own weights are kept too and cost nothing more.
    """
    owned = {p.untyped_storage().data_ptr() for p in model.parameters()}
    owned |= {b.untyped_storage().data_ptr() for b in model.buffers()}
    saved: dict[int, torch.Tensor] = {}  # by address; held, so that no address comes again

    def note(tensor: torch.Tensor) -> None:
        """Count a tensor, and give autograd none: no backward pass asks for it.

        What saves its own output, and is given it back as it is, holds itself for ever.
        """
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            saved[storage.data_ptr()] = tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(note, lambda nothing: nothing):
        loss_sums(head, stack, batch).sum()
    return sum(tensor.untyped_storage().nbytes() for tensor in saved.values())


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(free + cached)
    return int(psutil.virtual_memory().available)
