"""Prefill and decode of many rows at once, each with its own prompt and adapter, off one KV cache.

Promises: what a row gets depends on its own tokens and its own adapter; padding and neighbours
change nothing but rounding. No gradient is ever computed.
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
    """How many rows of `length` tokens fit into one batch, by the memory that is free now."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    width = torch.finfo(model.dtype).bits // 8
    cache = 2 * config.num_hidden_layers * heads * size * width * length
    logits = 4 * 8 * config.vocab_size
    return max(1, min(MAX_ROWS, int(free_memory(device) * ROWS_SHARE / (cache + logits))))


@dataclass
class KVState:
    """The state of the rows of a batch between two passes.

    Attributes:
        cache: Keys and values of all tokens so far.
        mask: [rows, tokens], 0 at padding (which is on the left).
        slots: The adapter of each row.
        routing: The same, as the adapters' layers need it.
        logits: [rows, vocabulary], of the token that comes next.
    """

    cache: DynamicCache
    mask: torch.Tensor
    slots: list[int]
    routing: Routing
    logits: torch.Tensor


class ModelRunner:
    """Runs one model over prompts and what follows them.

    Attributes:
        device: Where the model is.
    """

    def __init__(self, model: Any, pad: int, slots: AdapterSlots | None = None) -> None:
        """Take a loaded model.

        Args:
            model: A causal language model, in eval mode.
            pad: Token id to fill up with.
            slots: The adapters on the model; None where it has none, or brings its own.
        """
        self._model = model
        self._pad = pad
        self._slots = slots
        self.device: torch.device = model.device

    def prefill(
        self, prompts: Sequence[Sequence[int]], slots: Sequence[int] | None = None
    ) -> KVState:
        """Run prompts, padded on the left, and keep their keys and values.

        Args:
            prompts: Token ids, at least one each.
            slots: The adapter of each; all the base's when None.
        """
        slots = list(slots) if slots is not None else [NO_SLOT] * len(prompts)
        width = max(map(len, prompts))
        ids = torch.tensor([[self._pad] * (width - len(p)) + list(p) for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        cache = DynamicCache(config=self._model.config)
        state = KVState(cache, mask.to(self.device), slots, self._routing(slots), torch.empty(0))
        state.logits = self._forward(state, ids.to(self.device), keep=1)[:, -1]
        return state

    def decode(self, state: KVState, ids: torch.Tensor, keep: int = 1) -> torch.Tensor:
        """Run the next tokens of every row.

        Args:
            state: The rows; it grows by these tokens.
            ids: [rows, tokens].
            keep: Of how many of the last tokens the logits are wanted.

        Returns:
            [rows, keep, vocabulary].
        """
        state.mask = torch.cat([state.mask, state.mask.new_ones(ids.shape)], dim=1)
        logits = self._forward(state, ids, keep)
        state.logits = logits[:, -1]
        return logits

    def select(self, state: KVState, rows: Sequence[int]) -> None:
        """Keep these rows only, in this order; one may come several times."""
        index = torch.tensor(rows, device=self.device)
        with torch.inference_mode():
            state.cache.batch_select_indices(index)
            state.mask, state.logits = state.mask[index], state.logits[index]
        state.slots = [state.slots[row] for row in rows]
        state.routing = self._routing(state.slots)

    def fork(self, state: KVState, rows: Sequence[int]) -> KVState:
        """A copy of these rows; `state` stays as it is."""
        other = copy.copy(state)
        other.cache = copy.deepcopy(state.cache)
        self.select(other, rows)
        return other

    def _routing(self, slots: Sequence[int]) -> Routing:
        return Routing() if self._slots is None else self._slots.routing(slots, self.device)

    def _forward(self, state: KVState, ids: torch.Tensor, keep: int) -> torch.Tensor:
        # 1. Each row goes through its own adapter.
        if self._slots is not None:
            self._slots.set_routing(state.routing)

        # 2. Positions count a row's own tokens, from 0 at the first that is no padding.
        positions = (state.mask.cumsum(1) - 1).clamp_min(0)[:, -ids.size(1) :]  # [rows, tokens]

        # 3. One pass; the cache grows by these tokens.
        with torch.inference_mode():
            output = self._model(
                input_ids=ids,
                attention_mask=state.mask,
                position_ids=positions,
                past_key_values=state.cache,
                use_cache=True,
                logits_to_keep=keep,
            )
        logits: torch.Tensor = output.logits  # [rows, keep, vocabulary]
        return logits
