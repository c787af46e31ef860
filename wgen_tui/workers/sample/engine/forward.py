"""Passes of a model over many rows, each with its own prompt and adapter, keys and values kept.

Promises: what a row gets depends on its own tokens and its own adapter; padding and neighbours change
nothing but rounding. No gradient is ever computed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from transformers import DynamicCache

from wgen_tui.protocol.limits import MAX_ROWS, ROWS_SHARE
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots, Routing


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def rows_that_fit(model: Any, length: int, device: torch.device) -> int:
    """How many rows of `length` tokens to go on with at once, by the memory that is free now."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    width = torch.finfo(model.dtype).bits // 8
    cache = 2 * config.num_hidden_layers * heads * size * width * length
    logits = 4 * 8 * config.vocab_size
    return max(1, min(MAX_ROWS, int(free_memory(device) * ROWS_SHARE / (cache + logits))))


@dataclass
class KVState:
    """Rows that have been read so far.

    Attributes:
        cache: Their keys and values.
        mask: [rows, tokens], 0 at padding (which is on the left).
        slots: The adapter of each row.
        routing: The same, as the rack needs it.
        logits: [rows, vocabulary], what follows the last token.
    """

    cache: DynamicCache
    mask: torch.Tensor
    slots: list[int]
    routing: Routing
    logits: torch.Tensor


class ModelRunner:
    """Reads prompts and what follows them with one model.

    Args:
        model: A causal language model, in eval mode.
        pad: Token id to fill up with.
        rack: The adapters on the model; None where rows have none, or the model brings its own.
    """

    def __init__(self, model: Any, pad: int, slots: AdapterSlots | None = None) -> None:
        self._model = model
        self._pad = pad
        self._rack = slots
        self.device: torch.device = model.device

    def prefill(
        self, prompts: Sequence[Sequence[int]], slots: Sequence[int] | None = None
    ) -> KVState:
        """Read prompts, padded on the left.

        Args:
            prompts: Token ids, at least one each.
            slots: The adapter of each; all the base's when None.
        """
        slots = list(slots) if slots is not None else [NO_SLOT] * len(prompts)
        width = max(map(len, prompts))
        ids = torch.tensor([[self._pad] * (width - len(p)) + list(p) for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        cache = DynamicCache(config=self._model.config)
        reading = KVState(cache, mask.to(self.device), slots, self._routing(slots), torch.empty(0))
        reading.logits = self._forward(reading, ids.to(self.device), keep=1)[:, -1]
        return reading

    def decode(self, reading: KVState, ids: torch.Tensor, keep: int = 1) -> torch.Tensor:
        """Read more tokens of every row.

        Args:
            reading: What was read; it grows.
            ids: [rows, tokens].
            keep: Of how many of the last tokens the logits are wanted.

        Returns:
            [rows, keep, vocabulary].
        """
        more = reading.mask.new_ones(ids.shape)
        reading.mask = torch.cat([reading.mask, more], dim=1)
        logits = self._forward(reading, ids, keep)
        reading.logits = logits[:, -1]
        return logits

    def select(self, reading: KVState, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order; one may come several times."""
        index = torch.tensor(rows, device=self.device)
        with torch.inference_mode():
            reading.cache.batch_select_indices(index)
            reading.mask, reading.logits = reading.mask[index], reading.logits[index]
        reading.slots = [reading.slots[row] for row in rows]
        reading.routing = self._routing(reading.slots)

    def fork(self, reading: KVState, rows: Sequence[int]) -> KVState:
        """A reading of its own that begins with these rows; the other stays as it is."""
        other = copy.copy(reading)
        other.cache = copy.deepcopy(reading.cache)
        self.select(other, rows)
        return other

    def _routing(self, slots: Sequence[int]) -> Routing:
        return Routing() if self._rack is None else self._rack.routing(slots, self.device)

    def _forward(self, reading: KVState, ids: torch.Tensor, keep: int) -> torch.Tensor:
        if self._rack is not None:
            self._rack.use(reading.routing)
        places = (reading.mask.cumsum(1) - 1).clamp_min(0)[:, -ids.size(1) :]
        with torch.inference_mode():
            output = self._model(
                input_ids=ids,
                attention_mask=reading.mask,
                position_ids=places,
                past_key_values=reading.cache,
                use_cache=True,
                logits_to_keep=keep,
            )
        logits: torch.Tensor = output.logits
        return logits
