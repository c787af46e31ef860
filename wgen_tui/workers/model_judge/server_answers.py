"""A server's answers to judges: each counted, paid for from the budget, and by whom is checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.runs import Endpoint
from wgen_tui.run_files.verdict_writer import Asking
from wgen_tui.workers.endpoint.openai_client import Client, sent_seed
from wgen_tui.workers.endpoint.openai_response import Answer, Completion, read_answer
from wgen_tui.workers.endpoint.usage import Usage, by_count
from wgen_tui.workers.model_judge.answered_by import AnsweredBy
from wgen_tui.workers.model_judge.budget import Budget
from wgen_tui.workers.model_judge.judge_requests import Request


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer to a judge's prompt, not yet read as its verdict."""

    asking: Asking
    request: Request
    completion: Completion
    answer: Answer
    cost: float | None


class JudgeServer:
    """The server of a launch's judges.

    Attributes:
        usage: What the answers took, since somebody set it anew.
    """

    def __init__(
        self, client: Client, endpoint: Endpoint, budget: Budget, answered_by: AnsweredBy
    ) -> None:
        self.usage = Usage(endpoint)
        self._client = client
        self._budget = budget
        self._answered_by = answered_by

    async def send(self, asked: AskedJudge, request: Request, asking: Asking) -> Answered:
        """Ask.

        Raises:
            PromptRefused: the server does not take this prompt; it may take others.
            WorkerError: it no longer answers, or as another model; the budget is reached.
        """
        verdict, messages = asking.verdicts[0], asking.prompt.messages
        seed = None if verdict.by.greedy else sent_seed(verdict.verdict_id)
        most = self._budget.dearest(messages, request.sampling.max_tokens)
        async with self._budget.request(most) as paid:
            completion = await self._client.chat(
                request.body, messages, seed, on_lost=paid.ask_again
            )
            answer = read_answer(completion, request.sampling)
            cost = paid.pay(answer.prompt_tokens, answer.tokens)
        self.usage.add(answer)
        self._answered_by.check(verdict.by.asker, asked.judge.name, answer)
        return Answered(asking, request, completion, answer, cost)

    def notes(self) -> Iterator[str]:
        """What a person should know of the answers."""
        usage = self.usage
        if usage.answers:
            yield f"{usage.answers:,} answers of {usage.endpoint.name}: {usage}"
        if usage.only_reasoning:
            yield (
                f"{usage.only_reasoning:,} of {usage.answers:,} answers are empty: the server "
                "spent all tokens on reasoning; raise the judge's max_tokens"
            )
        names = by_count(self._answered_by.fingerprints)
        if len(names) > 1:
            told = ", ".join(f"{name} ({number:,})" for name, number in names)
            yield f"answers came with several fingerprints: {told}"
