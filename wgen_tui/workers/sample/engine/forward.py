"""Prefill and decode of many rows at once, each with its own prompt and adapter, off one KV cache.

Promises: what a row gets depends on its own tokens and its own adapter; padding and neighbours
change nothing but rounding. No gradient is ever computed. The cache also carries the states of
recurrent layers; `state_check` tries models that have such, or code of their own.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from wgen_tui.protocol.limits import MAX_ROWS, ROWS_SHARE, SPARE_TOKENS
from wgen_tui.workers.device.graphs import graphs_wanted
from wgen_tui.workers.device.transfer import upload
from wgen_tui.workers.sample.engine.fixed_decode import FixedRows
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots, Routing


def free_memory(device: torch.device) -> int:
    """Bytes that are free on a device now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


# Tokens of rows, after which a graph is captured: that takes as long as some tokens do without, and
# a verdict has few.
GRAPHS_AFTER = 8


def attends_to_all(model: Any) -> bool:
    """Whether every layer attends to all tokens before, through torch's own attention."""
    config = model.config.get_text_config()
    kinds = {type(layer) for layer in DynamicCache(config=config).layers}
    return config._attn_implementation == "sdpa" and kinds == {DynamicLayer}


def keeps_keys_only(model: Any) -> bool:
    """Whether all that a model remembers is keys and values, in transformers' own code."""
    kinds = {type(layer) for layer in DynamicCache(config=model.config).layers}
    own_code = type(_bare(model)).__module__.startswith("transformers_modules.")
    plain = kinds <= {DynamicLayer, DynamicSlidingWindowLayer}
    return plain and not own_code and "past_key_values" in _takes(model)


def _bare(model: Any) -> Any:
    """The model itself, where PEFT has wrapped it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _cache_argument(model: Any) -> str:
    """Under which name a model takes its cache; any other it would ignore without a word."""
    takes = _takes(model)
    pure = "cache_params" in takes and "past_key_values" not in takes
    return "cache_params" if pure else "past_key_values"


def _takes(model: Any) -> Collection[str]:
    return inspect.signature(_bare(model).forward).parameters


def rows_that_fit(model: Any, length: int, device: torch.device, state: int = 0) -> int:
    """How many rows of `length` tokens fit into one batch, by the memory that is free now.

    `state` is what the recurrent layers keep of a row, in bytes.
    """
    config = model.config.get_text_config()
    queries = getattr(config, "num_attention_heads", None) or 1
    heads = getattr(config, "num_key_value_heads", None) or queries
    size = getattr(config, "head_dim", None) or config.hidden_size // queries
    width = torch.finfo(model.dtype).bits // 8
    if device.type == "cuda":
        length += SPARE_TOKENS
    cache = 2 * config.num_hidden_layers * heads * size * width * length
    logits = 4 * 8 * config.vocab_size
    return max(1, min(MAX_ROWS, int(free_memory(device) * ROWS_SHARE / (cache + state + logits))))


@dataclass
class KVState:
    """The state of the rows of a batch between two passes.

    Attributes:
        cache: Keys and values of all tokens so far, and the states of recurrent layers.
        mask: [rows, tokens], 0 at padding (which is on the left).
        slots: The adapter of each row.
        routing: The same, as the adapters' layers need it.
        logits: [rows, vocabulary], of the token that comes next.
        padded: Whether any row has padding.
        fixed: The rows at fixed shapes, while CUDA graphs decode them; `cache` is then empty.
        drawn: Tokens that were decoded one by one.
    """

    cache: DynamicCache
    mask: torch.Tensor
    slots: list[int]
    routing: Routing
    logits: torch.Tensor
    padded: bool
    fixed: FixedRows | None = None
    drawn: int = 0


class ModelRunner:
    """Runs one model over prompts and what follows them.

    Attributes:
        device: Where the model is.
        makes_masks: Whether decoding brings masks as the model's layers take them; transformers
            makes them too, but lets the host wait for the device to see whether they are needed.
        graphs: Whether CUDA graphs decode.
    """

    def __init__(
        self,
        model: Any,
        pad: int,
        slots: AdapterSlots | None = None,
        note: Callable[[str], None] = print,
    ) -> None:
        """Take a loaded model.

        Args:
            model: A causal language model, in eval mode.
            pad: Token id to fill up with.
            slots: The adapters on the model; None where it has none, or brings its own.
            note: Told what a person should know.
        """
        self._model = model
        self._pad = pad
        self._slots = slots
        self._note = note
        self._cache_argument = _cache_argument(model)
        self.device: torch.device = model.device
        on_gpu = self.device.type == "cuda"
        self.makes_masks = on_gpu and attends_to_all(model)
        self.graphs = self.makes_masks and graphs_wanted(to_draw=True)

    def prefill(
        self, prompts: Sequence[Sequence[int]], slots: Sequence[int] | None = None
    ) -> KVState:
        """Run prompts, padded on the left, and keep their keys and values.

        Args:
            prompts: Token ids, at least one each.
            slots: The adapter of each; all the base's when None.
        """
        return self._begin(prompts, slots, keep=1)[0]

    def read(
        self, texts: Sequence[Sequence[int]], slots: Sequence[int] | None, keep: int
    ) -> torch.Tensor:
        """Run texts as a whole, as `prefill` does.

        Returns:
            [rows, keep, vocabulary]: the logits behind each text's last tokens.
        """
        return self._begin(texts, slots, keep)[1]

    def _begin(
        self, prompts: Sequence[Sequence[int]], slots: Sequence[int] | None, keep: int
    ) -> tuple[KVState, torch.Tensor]:
        slots = list(slots) if slots is not None else [NO_SLOT] * len(prompts)
        width = max(map(len, prompts))
        ids = torch.tensor([[self._pad] * (width - len(p)) + list(p) for p in prompts])
        ones = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        state = KVState(
            cache=DynamicCache(config=self._model.config),
            mask=upload(ones, self.device),
            slots=slots,
            routing=self._routing(slots),
            logits=torch.empty(0),
            padded=any(len(prompt) < width for prompt in prompts),
        )
        logits = self._forward(state, upload(ids, self.device), keep)
        state.logits = logits[:, -1]
        return state, logits

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

    def state_bytes(self) -> int:
        """What the recurrent layers keep of one row, however long it is."""
        if keeps_keys_only(self._model):
            return 0
        states = [
            state
            for layer in self.prefill([[0]]).cache.layers
            for kind in ("conv_states", "recurrent_states")
            for state in getattr(layer, kind, {}).values()
        ]
        return sum(state.nbytes for state in states if state is not None)

    def select(self, state: KVState, rows: Sequence[int]) -> None:
        """Keep these rows only, in this order; one may come several times."""
        self._let_grow(state)
        index = upload(torch.tensor(rows), self.device)
        with torch.inference_mode():
            # Not batch_select_indices, which leaves the states of recurrent layers behind.
            state.cache.reorder_cache(index)
            state.mask, state.logits = state.mask[index], state.logits[index]
        state.slots = [state.slots[row] for row in rows]
        state.routing = self._routing(state.slots)

    def fork(self, state: KVState, rows: Sequence[int]) -> KVState:
        """A copy of these rows; `state` stays as it is."""
        self._let_grow(state)
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
        one_token = ids.size(1) == 1 and state.mask.size(1) > 1
        state.drawn += one_token
        with torch.inference_mode():
            if self.graphs and one_token and state.drawn > GRAPHS_AFTER:
                return self._fixed(state).decode(ids, positions)
            self._let_grow(state)
            output = self._model(
                input_ids=ids,
                attention_mask=self._mask(state, ids.size(1), one_token=one_token),
                position_ids=positions,
                use_cache=True,
                logits_to_keep=keep,
                **{self._cache_argument: state.cache},
            )
        logits: torch.Tensor = output.logits  # [rows, keep, vocabulary]
        return logits

    def _mask(self, state: KVState, tokens: int, *, one_token: bool) -> torch.Tensor | None:
        """What the model is told of padding."""
        if not state.padded:
            return None
        if self._cache_argument == "cache_params" and tokens < state.mask.size(1):
            return None  # all layers are recurrent: padding was kept out of their states at first
        if one_token and self.makes_masks:
            return state.mask[:, None, None, :].bool()  # [rows, heads, query, keys], broadcast
        return state.mask

    def _fixed(self, state: KVState) -> FixedRows:
        """The rows at fixed shapes, with space for another token."""
        if state.fixed is not None and state.fixed.full:
            self._let_grow(state)
        if state.fixed is None:
            state.fixed = FixedRows(self._model, state.cache, state.mask[:, :-1], self._note)
        return state.fixed

    def _let_grow(self, state: KVState) -> None:
        """Back from fixed shapes to a cache that grows."""
        if state.fixed is not None:
            state.cache, state.fixed = state.fixed.growing(), None
