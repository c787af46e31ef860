"""Dropout for a stack, drawn for each adapter from its own seed.

Promises: what an adapter drops depends on its seed, its step and its own examples, not on the
adapters beside it; it is the same when a pass is computed again for checkpointing, and after a
training was stopped. It equals PEFT's dropout in distribution, not draw by draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from wgen_tui.protocol.hashes import digest
from wgen_tui.workers.train.grid.batch import CollatedBatch


@dataclass(frozen=True)
class Dropper:
    """The dropout of one pass; `Routing.dropout`.

    Attributes:
        batch: What goes through the model.
        rates: Of each slot.
        keys: Of each slot: what names this pass of this adapter (seed, step, number of the batch).
    """

    batch: CollatedBatch
    rates: Sequence[float]
    keys: Sequence[tuple[int, int, int]]

    def __call__(self, module: int, x: torch.Tensor) -> torch.Tensor:
        """Drop from the input [rows, tokens, in] of a module's A."""
        factor = torch.ones_like(x)
        generator = torch.Generator(device=x.device)
        for rate, key, spans in zip(self.rates, self.keys, self.batch.spans, strict=True):
            if rate == 0 or not spans:
                continue
            generator.manual_seed(digest("dropout", *key, module, bits=62))
            longest = max(length for _, _, length in spans)
            shape = (len(spans), longest, x.size(-1))
            kept = torch.rand(shape, generator=generator, device=x.device) >= rate
            for number, (row, start, length) in enumerate(spans):
                factor[row, start : start + length] = kept[number, :length].to(x.dtype) / (1 - rate)
        return x * factor
