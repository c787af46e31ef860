"""Padded or packed: by what each costs on this machine, with this model, at this size.

Promises: both give the same gradients up to rounding, so only speed hangs on the choice; where
padding is next to nothing it is taken as the safer of the two (it keeps adapters apart).
"""

from __future__ import annotations

from collections import deque
from statistics import median

WORTH_A_LOOK = 1.1  # padded tokens per real token below which packing cannot pay
WARM_UP = 2  # steps that are not measured: allocators and caches fill
LOOKS = 3  # measurements of each before the choice is made
MEMORY = 9  # measurements that count


class Choice:
    """Learns seconds per token of each way and chooses the cheaper for a step."""

    def __init__(self, *, may_pack: bool) -> None:
        self._may_pack = may_pack
        self._warm = 0
        self._costs: dict[bool, deque[float]] = {
            packed: deque(maxlen=MEMORY) for packed in (False, True)
        }

    def pack(self, real: int, padded: int) -> bool:
        """Whether to pack a step of `real` tokens, which would be `padded` tokens in rows."""
        if not self._may_pack or padded < WORTH_A_LOOK * real:
            return False
        for packed in (True, False):
            if len(self._costs[packed]) < LOOKS:
                return packed
        cheap = {packed: median(costs) for packed, costs in self._costs.items()}
        return cheap[True] * real < cheap[False] * padded

    def learn(self, seconds: float, tokens: int, *, packed: bool) -> None:
        """Take note of what a step took that went through with so many tokens."""
        self._warm += 1
        if self._warm > WARM_UP:
            self._costs[packed].append(seconds / tokens)
