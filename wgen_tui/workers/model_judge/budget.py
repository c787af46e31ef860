"""What a launch may spend, and that it never spends more.

Promises: a request is made only where its dearest outcome still fits: every byte of the prompt a
token, every token of the reply drawn. Near the end requests wait for those before them, whose true
cost is lower. An answer that got lost on its way counts as dear as it may have been.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from experiments.schema import Message
from wgen_tui.protocol.runs import Endpoint
from wgen_tui.workers.endpoint.usage import cost
from wgen_tui.workers.runtime import WorkerError

AROUND_A_MESSAGE = 16  # tokens that a chat template puts around one


class BudgetReached(WorkerError):
    """The next request could cost more than is left."""

    def with_missing(self, number: int) -> BudgetReached:
        """The same, with how many verdicts the launch lacks."""
        told = (
            f"{self.message} {number:,} verdicts are missing; a higher --budget goes on with them."
        )
        return BudgetReached(told, title=self.title, hint=self.hint)


class Budget:
    """The money of one launch; without a limit it only counts.

    Attributes:
        limit: In the unit of the endpoint's prices; None: no limit.
        spent: What the answers cost.
        lost: What answers that never came whole may have cost.
    """

    def __init__(self, endpoint: Endpoint, limit: float | None, spent: float = 0.0) -> None:
        """Begin with what earlier attempts at the launch spent.

        Raises:
            WorkerError: there is a limit, and no price to count by.
        """
        if limit is not None and cost(endpoint, 1, 1) is None:
            raise WorkerError(
                f"The launch has a budget of {limit:g}, and the endpoint {endpoint.name} no prices "
                "to count by.",
                title="No prices",
                hint=f"Write price_in and price_out under [endpoints.{endpoint.name}] in "
                "config.toml, or leave the budget out.",
            )
        self._endpoint = endpoint
        self.limit = limit
        self.spent = spent
        self.lost = 0.0
        self._reserved = 0.0
        self._on_their_way = 0
        self._dearest_prompt = 0  # tokens, of the answers so far
        self._released = asyncio.Event()

    def dearest(self, messages: Sequence[Message], max_tokens: int) -> float:
        """The most that a request can cost."""
        size = sum(len(message.content.encode()) + AROUND_A_MESSAGE for message in messages)
        return cost(self._endpoint, max(size, self._dearest_prompt), max_tokens) or 0.0

    async def reserve(self, most: float) -> None:
        """Wait until a request fits beside those that are on their way.

        Raises:
            BudgetReached: it does not, and nothing is on its way.
        """
        while not self._fits(most + self._reserved):
            if not self._on_their_way:
                raise self._reached(most)
            self._released.clear()
            await self._released.wait()
        self._reserved += most
        self._on_their_way += 1

    def note_lost(self, most: float) -> None:
        """An answer to a reserved request got lost; it is about to be asked for again.

        Raises:
            BudgetReached: there is not enough for that.
        """
        self.lost += most
        if not self._fits(self._reserved):
            raise self._reached(most)

    def release(self, most: float) -> None:
        """A reserved request has ended, however."""
        self._on_their_way -= 1
        self._reserved = self._reserved - most if self._on_their_way else 0.0
        self._released.set()

    def spend(self, tokens_in: int | None, tokens_out: int | None, most: float) -> float | None:
        """Count an answer: what it cost, or could have where the server does not count tokens."""
        self._dearest_prompt = max(self._dearest_prompt, tokens_in or 0)
        counted = tokens_in is not None and tokens_out is not None
        price = cost(self._endpoint, tokens_in or 0, tokens_out or 0) if counted else None
        self.spent += (most if price is None else price) if self.limit is not None else price or 0.0
        return price

    def _fits(self, more: float) -> bool:
        return self.limit is None or self.spent + self.lost + more <= self.limit

    def _reached(self, most: float) -> BudgetReached:
        spent = f"{self.spent:.4g} is spent"
        if self.lost:
            spent += f", up to {self.lost:.4g} went for answers that got lost"
        return BudgetReached(
            f"{spent}, and the next request could cost {most:.4g}: that would pass the budget of "
            f"{self.limit:g}.",
            title="Budget reached",
            hint="All verdicts are kept. The same command with a higher --budget judges the rest.",
        )
