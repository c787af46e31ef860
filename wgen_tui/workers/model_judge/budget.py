"""What a command may spend on one model, over all attempts and retries: it is never passed.

Promises: a request is made only where its dearest outcome still fits: every byte of the prompt a
token, every token of the reply drawn. Near the end requests wait for those before them, whose true
cost is lower. An answer that got lost on its way, or whose worker was killed or told to stop,
counts as dear as it may have been.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from experiments.schema import Message
from wgen_tui.protocol.runs import Endpoint
from wgen_tui.terminal_text import are, plural
from wgen_tui.workers.endpoint.usage import cost
from wgen_tui.workers.model_judge.ledger import Ledger
from wgen_tui.workers.runtime import WorkerError

AROUND_A_MESSAGE = 16  # tokens that a chat template puts around one
ROUNDING = 1e-9  # of sums


class BudgetReached(WorkerError):
    """The next request could cost more than is left."""

    def with_missing(self, number: int) -> BudgetReached:
        """The same, with how many verdicts the launch lacks."""
        told = f"{self.message} {plural(number, 'verdict')} {are(number)} missing."
        return BudgetReached(told, title=self.title, hint=self.hint)


class Budget:
    """The money of one launch; without a limit it only counts.

    Attributes:
        limit: In the unit of the endpoint's prices; None: no limit.
    """

    def __init__(
        self, endpoint: Endpoint, limit: float | None = None, ledger: Ledger | None = None
    ) -> None:
        """Begin with what the ledger says that earlier attempts and launches spent.

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
        self._ledger = ledger if limit is not None else None
        self._reserved = 0.0  # by requests that are on their way
        self._on_their_way = 0
        self._dearest_prompt = 0  # tokens, of the answers so far
        self._released = asyncio.Event()

    def dearest(self, messages: Sequence[Message], max_tokens: int) -> float:
        """The most that a request can cost."""
        size = sum(len(message.content.encode()) + AROUND_A_MESSAGE for message in messages)
        return cost(self._endpoint, max(size, self._dearest_prompt), max_tokens) or 0.0

    @asynccontextmanager
    async def request(self, most: float) -> AsyncIterator[PaidRequest]:
        """Wait until a request fits beside those that are on their way, and count it.

        Raises:
            BudgetReached: it does not, and nothing is on its way.
        """
        while not self._asks(most):
            if not self._on_their_way:
                raise self._reached(most)
            self._released.clear()
            await self._released.wait()
        self._reserved += most
        self._on_their_way += 1
        request = PaidRequest(self, most)
        try:
            yield request
        except asyncio.CancelledError:
            raise  # the server may have answered: it stays as dear as it may have been
        except BaseException:
            if not request.lost:
                self._settle(most, 0.0)
            raise
        else:
            self._settle(most, request.counted)
        finally:
            self._on_their_way -= 1
            self._reserved = self._reserved - most if self._on_their_way else 0.0
            self._released.set()

    def price(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """What an answer cost; None where the server does not count tokens."""
        self._dearest_prompt = max(self._dearest_prompt, tokens_in or 0)
        if tokens_in is None or tokens_out is None:
            return None
        return cost(self._endpoint, tokens_in, tokens_out)

    def ask_again(self, most: float) -> bool:
        """Whether a request that was lost may be made once more; it is counted then."""
        return self._asks(most)

    def lost_one(self, most: float) -> BudgetReached:
        """Why one that was lost may not."""
        return self._reached(most, mine=most)

    def _asks(self, most: float) -> bool:
        """Write a request into the ledger, if it fits."""
        if self.limit is None or self._ledger is None:
            return True
        with self._ledger.locked():
            if self._ledger.spent + self._ledger.open + most > self.limit:
                return False
            self._ledger.ask(most)
        return True

    def _settle(self, most: float, paid: float) -> None:
        if self._ledger is not None:
            self._ledger.settle(most, paid)

    def _reached(self, most: float, mine: float = 0.0) -> BudgetReached:
        ledger = self._ledger
        spent, lost = 0.0, 0.0
        if ledger is not None:
            spent, lost = ledger.spent, ledger.open - self._reserved + mine
        told = f"{spent:.4g} is spent"
        if lost > ROUNDING:
            told += f", up to {lost:.4g} went for answers that got lost"
        return BudgetReached(
            f"{told}, and the next request could cost {most:.4g}: that would pass the budget of "
            f"{self.limit or 0:g}.",
            title="Budget reached",
            hint="All verdicts are kept. `wgen-tui grade judge` again judges the rest, with a "
            "--budget of its own; `wgen-tui run retry` goes on with what is left of this one.",
        )


class PaidRequest:
    """One request that is on its way, counted as dear as it may become.

    Attributes:
        counted: What it cost, as the budget counts.
        lost: Whether its answer got lost and it may not be made again.
    """

    def __init__(self, budget: Budget, most: float) -> None:
        self.counted = 0.0
        self.lost = False
        self._budget = budget
        self._most = most

    def ask_again(self) -> None:
        """Its answer got lost; it is about to be asked for again.

        Raises:
            BudgetReached: there is not enough for that.
        """
        if not self._budget.ask_again(self._most):
            self.lost = True
            raise self._budget.lost_one(self._most)

    def pay(self, tokens_in: int | None, tokens_out: int | None) -> float | None:
        """Count its answer: what it cost, or could have where the server counts no tokens."""
        price = self._budget.price(tokens_in, tokens_out)
        self.counted = self._most if price is None else price
        return price
