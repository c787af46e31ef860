"""Decoding many draws at once off one model: prompts read once, finished rows dropped.

Promises: each row's completion depends on its prompt and its own seed; how rows are put together
changes nothing but rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil
import torch
from transformers import DynamicCache

from experiments.schema import SamplingConfig
from wgen_tui.workers.draws import choose, uniforms

MOST_ROWS = 512
SHARE = 0.25  # of free memory for keys, values and logits
DROP = 0.8  # finished rows are dropped when fewer than this share are still going


@dataclass
class Request:
    """One draw to be made.

    Attributes:
        sample_id: Names it.
        prompt: Token ids of the rendered prompt.
        seed: Its own seed.
    """

    sample_id: int
    prompt: tuple[int, ...]
    seed: int


@dataclass
class Drawn:
    """One draw that was made.

    Attributes:
        tokens: What was drawn, the end token included.
        finish_reason: "stop" (end token or stop text) or "length".
        logprob: Sum over `tokens`.
        text: The completion, without end token and stop text.
    """

    sample_id: int
    tokens: list[int] = field(default_factory=list)
    finish_reason: str = "length"
    logprob: float = 0.0
    text: str = ""


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end a turn, as the model's generation config and tokenizer name them."""
    named = model.generation_config.eos_token_id
    ids = named if isinstance(named, list) else [named]
    return frozenset(int(i) for i in [*ids, tokenizer.eos_token_id] if i is not None)


def rows_that_fit(model: Any, length: int, device: torch.device) -> int:
    """How many rows of `length` tokens to decode at once, by the memory that is free now."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    width = torch.finfo(model.dtype).bits // 8
    cache = 2 * config.num_hidden_layers * heads * size * width * length
    logits = 4 * 8 * config.vocab_size
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = psutil.virtual_memory().available
    return max(1, min(MOST_ROWS, int(free * SHARE / (cache + logits))))


class Decoder:
    """Draws completions from one model (base or adapter)."""

    def __init__(self, model: Any, tokenizer: Any, sampling: SamplingConfig) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._sampling = sampling
        self._ends = end_tokens(model, tokenizer)
        self._device = model.device

    def draw(self, requests: Sequence[Request], check: Callable[[], None]) -> list[Drawn]:
        """Make these draws together.

        Args:
            requests: What to draw; equal prompts are read once.
            check: Called before every token; may raise to stop.
        """
        with torch.inference_mode():
            return self._draw(requests, check)

    def _draw(self, requests: Sequence[Request], check: Callable[[], None]) -> list[Drawn]:
        prompts = list(dict.fromkeys(request.prompt for request in requests))
        cache, mask, logits = self._read(prompts)
        rows = torch.tensor([prompts.index(request.prompt) for request in requests])
        rows = rows.to(self._device)
        cache.batch_select_indices(rows)
        mask, logits = mask[rows], logits[rows]
        drawn = [Drawn(request.sample_id) for request in requests]
        going = list(range(len(requests)))  # the request of each row
        seeds = np.array([request.seed for request in requests], dtype=np.uint64)
        for position in range(self._sampling.max_tokens):
            check()
            chances = torch.from_numpy(uniforms(seeds[going], position)).to(self._device)
            tokens, logs = choose(logits, chances, self._sampling.temperature, self._sampling.top_p)
            active = self._take(drawn, going, tokens.tolist(), logs.tolist())
            if not any(active) or position == self._sampling.max_tokens - 1:
                break
            if sum(active) < DROP * len(going):
                keep = torch.tensor([i for i, on in enumerate(active) if on], device=self._device)
                cache.batch_select_indices(keep)
                mask, tokens = mask[keep], tokens[keep]
                going = [row for row, on in zip(going, active, strict=True) if on]
            mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
            logits = self._forward(tokens[:, None], mask, cache)
        for item in drawn:
            self._finish(item)
        return drawn

    def _read(
        self, prompts: Sequence[tuple[int, ...]]
    ) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
        """Read prompts, padded on the left; returns cache, mask and the logits that follow."""
        width = max(map(len, prompts))
        pad = self._tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        ids, mask = ids.to(self._device), mask.to(self._device)
        cache = DynamicCache(config=self._model.config)
        return cache, mask, self._forward(ids, mask, cache)

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, cache: DynamicCache) -> torch.Tensor:
        places = (mask.cumsum(1) - 1).clamp_min(0)[:, -ids.size(1) :]
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def _take(
        self, drawn: list[Drawn], going: list[int], tokens: list[int], logs: list[float]
    ) -> list[bool]:
        """Add a token to every row that is still going; says which go on."""
        active = []
        for row, token, log in zip(going, tokens, logs, strict=True):
            item = drawn[row]
            if item.finish_reason == "stop":
                active.append(False)
                continue
            item.tokens.append(token)
            item.logprob += log
            if token in self._ends or self._stopped(item):
                item.finish_reason = "stop"
            active.append(item.finish_reason != "stop")
        return active

    def _decode(self, item: Drawn) -> str:
        ids = item.tokens[:-1] if item.tokens and item.tokens[-1] in self._ends else item.tokens
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def _stopped(self, item: Drawn) -> bool:
        """Whether a stop text has come."""
        if not self._sampling.stop:
            return False
        text = self._decode(item)
        return any(stop in text for stop in self._sampling.stop)

    def _finish(self, item: Drawn) -> None:
        item.text = self._decode(item)
        found = [item.text.index(stop) for stop in self._sampling.stop if stop in item.text]
        if found:
            item.text = item.text[: min(found)]
