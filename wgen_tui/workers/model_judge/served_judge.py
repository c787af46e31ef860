"""One judge at its server: how it is asked there, and how its answers are read."""

from __future__ import annotations

from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.runs import Endpoint
from wgen_tui.run_files.reply_index import Kept
from wgen_tui.run_files.verdict_record import Reply
from wgen_tui.run_files.verdict_writer import Asking
from wgen_tui.workers.endpoint.refusals import Refusals
from wgen_tui.workers.model_judge.by_probability import ByProbability
from wgen_tui.workers.model_judge.judge_requests import Request, make_request
from wgen_tui.workers.runtime import WorkerError

REFUSED_FIRST = 8  # prompts of a judge that are refused before the refusal is taken for all


class ServedJudge:
    """One judge of a launch.

    Attributes:
        asked: The judge.
        how: Whether it is read from probabilities.
        refusals: What the server refused of it.
        refused: Why it cannot be asked at all; None where it can.
        told: Whether people know how it is read here.
    """

    def __init__(self, endpoint: Endpoint, asked: AskedJudge, kept: Kept) -> None:
        self.asked = asked
        self.how = ByProbability(asked.judge, kept)
        self.refusals: Refusals[Asking] = Refusals(
            answered=bool(kept.replies),
            prompt=lambda asking: asking.prompt.prompt_key,
            most=REFUSED_FIRST,
        )
        self.refused: WorkerError | None = None
        self._without = 0  # answers without log-probabilities, until one has them
        self.told = False
        self._endpoint = endpoint
        self._requests: dict[bool, Request] = {}

    def request(self, *, by_probability: bool | None = None) -> Request:
        """What is asked: as was decided, or by probability until it is."""
        if by_probability is None:
            by_probability = self.how.decided is not False
        if by_probability not in self._requests:
            self._requests[by_probability] = make_request(
                self._endpoint, self.asked, by_probability=by_probability
            )
        return self._requests[by_probability]

    def check(self) -> None:
        """See that the judge is read as its definition says.

        Raises:
            WorkerError: it must be read from probabilities, and cannot be here.
        """
        judge = self.asked.judge
        if judge.read == "expectation" and self.how.decided is False:
            raise WorkerError(
                f"Judge {judge.name!r} says read: expectation, and at the endpoint "
                f"{self._endpoint.name} that is not possible: {self.how.why}.",
                title="No expectation",
                hint="Write `read: sampled`, or leave `read` out: it is then read from what the "
                "judge says.",
            )

    def check_reply(self, reply: Reply) -> None:
        """See that a judge that is read from probabilities gets them.

        Raises:
            WorkerError: the server has stopped giving them.
        """
        if reply.probabilities is not None:
            self._without = -1
        elif reply.failed is not None and self._without >= 0:
            self._without += 1
            if self._without >= REFUSED_FIRST:
                raise WorkerError(
                    f"Judge {self.asked.judge.name!r} was read from log-probabilities before, and "
                    f"the endpoint {self._endpoint.name} gives none now: {reply.failed}.",
                    title="No log-probabilities",
                    hint="Ask a server that gives them, or write `read: sampled`: all is judged "
                    "anew then.",
                )
