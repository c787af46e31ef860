"""What answers took: tokens, and what they cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from wgen_tui.protocol.runs import Endpoint
from wgen_tui.workers.endpoint.openai_response import Answer


def cost(endpoint: Endpoint, tokens_in: int, tokens_out: int) -> float | None:
    """In the unit of the configured prices; None where there are none."""
    prices = (endpoint.price_in, endpoint.price_out)
    if prices == (None, None):
        return None
    return (tokens_in * (prices[0] or 0) + tokens_out * (prices[1] or 0)) / 1e6


def by_count(counts: Counter[str]) -> list[tuple[str, int]]:
    """Most first, equal counts by name: answers come in any order, what is said of them doesn't."""
    return sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))


@dataclass
class Usage:
    """The tokens that answers took, and what they cost.

    Attributes:
        only_reasoning: Answers that are empty behind thoughts.
        empty: Others that are empty, by `finish_reason`.
    """

    endpoint: Endpoint
    answers: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    only_reasoning: int = 0
    empty: Counter[str] = field(default_factory=Counter)

    def add(self, answer: Answer) -> None:
        self.answers += 1
        if answer.only_reasoning:
            self.only_reasoning += 1
        elif not answer.text:
            self.empty[answer.finish_reason] += 1
        self.tokens_in += answer.prompt_tokens or 0
        self.tokens_out += answer.tokens or 0

    @property
    def cost(self) -> float | None:
        """In the unit of the configured prices; None where there are none."""
        return cost(self.endpoint, self.tokens_in, self.tokens_out)

    def __str__(self) -> str:
        price = "" if self.cost is None else f", cost {self.cost:.4g}"
        return f"{self.tokens_in:,} tokens in, {self.tokens_out:,} out{price}"
