"""Decoding at fixed shapes: keys, values and mask as long as they may become, written in place.

Promises: the logits are those of the growing cache, up to rounding; nothing is read on the host, so
that a CUDA graph can repeat a step. For models whose every layer attends to all tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from transformers import DynamicCache

from wgen_tui.protocol.limits import SPARE_TOKENS
from wgen_tui.workers.device.graphs import Graphs


class FixedCache(DynamicCache):  # type: ignore[misc]
    """Keys and values of a fixed length, filled up to a position that is a tensor."""

    def __init__(self, cache: DynamicCache, length: int) -> None:
        """Take over what a growing cache holds, with space for `length` tokens.

        The cache is empty afterwards: layer by layer, so that no more than one is held twice.
        """
        super().__init__()
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        for layer in cache.layers:
            self._keys.append(_longer(layer.keys, length))
            layer.keys = None
            self._values.append(_longer(layer.values, length))
            layer.values = None
        self._length = length
        self.position = torch.zeros(1, dtype=torch.long, device=self._keys[0].device)

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one token's keys and values of a layer [rows, heads, 1, size]; returns all."""
        self._keys[layer].index_copy_(2, self.position, keys)
        self._values[layer].index_copy_(2, self.position, values)
        return self._keys[layer], self._values[layer]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """The fixed length: the mask says which of it counts."""
        return self._length

    def growing(self, used: int) -> DynamicCache:
        """The first `used` tokens as a cache that grows; this one is empty afterwards."""
        cache = DynamicCache()
        for layer in range(len(self._keys)):
            keys, values = (part[layer][:, :, :used].clone() for part in (self._keys, self._values))
            self._keys[layer] = self._values[layer] = keys.new_empty(0)
            cache.update(keys, values, layer)
        return cache


class FixedRows:
    """The rows of a batch, one token at a time.

    Attributes:
        used: Tokens that the rows have, padding included.
    """

    def __init__(
        self,
        model: Any,
        cache: DynamicCache,
        mask: torch.Tensor,
        note: Callable[[str], None],
    ) -> None:
        """Take over the rows of a growing cache, which is empty afterwards.

        Args:
            model: In eval mode.
            cache: Keys and values of all tokens so far.
            mask: [rows, tokens], 0 at padding.
            note: Told why no graph is captured.
        """
        rows, self.used = mask.shape
        self._length = self.used + SPARE_TOKENS
        self._model = model
        self._cache = FixedCache(cache, self._length)
        self._mask = mask.new_zeros((rows, 1, 1, self._length), dtype=torch.bool)
        self._mask[:, 0, 0, : self.used] = mask.bool()
        self.graphs = Graphs(note)

    @property
    def full(self) -> bool:
        """Whether there is no space for another token."""
        return bool(self.used == self._length)

    def decode(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Run the next token of every row.

        Args:
            ids: [rows, 1].
            positions: [rows, 1], each row's own.

        Returns:
            Logits [rows, 1, vocabulary].
        """
        self._mask[..., self.used].fill_(value=True)
        self._cache.position.fill_(self.used)
        self.used += 1
        # The next step writes into the same logits.
        return self.graphs.run(self._forward, ids, positions).clone()

    def growing(self) -> DynamicCache:
        """The rows as a cache that grows again."""
        return self._cache.growing(self.used)

    def _forward(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        output = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits
        return logits


def _longer(tensor: torch.Tensor, length: int) -> torch.Tensor:
    """Keys or values [rows, heads, tokens, size] with space for `length` tokens."""
    rows, heads, tokens, size = tensor.shape
    longer = tensor.new_zeros((rows, heads, length, size))
    longer[:, :, :tokens] = tensor
    return longer
