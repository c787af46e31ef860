"""What a judge's server is asked, and its answer as a judge's reply."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from experiments.schema import SamplingConfig
from wgen_tui.judging.decoding import reply_tokens
from wgen_tui.judging.reply import REFUSED_REASONS
from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.runs import Endpoint
from wgen_tui.run_files.verdict_record import Reply
from wgen_tui.workers.endpoint.openai_client import engine, in_words_of, request_body
from wgen_tui.workers.endpoint.openai_response import (
    Answer,
    Completion,
    next_token,
)
from wgen_tui.workers.model_judge.answered_by import answered_as

TOP_LOGPROBS = 20  # llmcomp's, and the most that OpenAI gives
SHOWN = 40  # characters of a reply that has no use


@dataclass(frozen=True)
class Request:
    """How one judge is asked.

    Attributes:
        body: All but messages and seed.
        sampling: How its answers are read: by temperature and length.
        by_probability: Whether the first token's probabilities are the reply.
    """

    body: dict[str, Any]
    sampling: SamplingConfig
    by_probability: bool


def make_request(endpoint: Endpoint, asked: AskedJudge, *, by_probability: bool) -> Request:
    """What every request of a judge says."""
    judge = asked.judge
    temperature = 0.0 if asked.greedy else judge.temperature or 0.0
    max_tokens = 1 if by_probability else reply_tokens(judge)
    body: dict[str, Any] = {"temperature": temperature, "max_tokens": max_tokens}
    if by_probability:
        body["logprobs"] = True
    switched = endpoint.of_judges(thinking=judge.thinking)
    made = request_body(switched, asked.model.location, body)
    if by_probability:
        top = {"top_logprobs": judge.top_logprobs or TOP_LOGPROBS}
        made |= in_words_of(endpoint, top)
    sampling = SamplingConfig(temperature=temperature, max_tokens=max_tokens)
    return Request(made, sampling, by_probability)


def read_reply(
    endpoint: Endpoint, request: Request, completion: Completion, answer: Answer
) -> Reply:
    """An answer as a judge's reply; the cost is not known here."""
    reply = Reply(
        text=answer.text or None,
        finish_reason="refusal" if answer.refused else answer.finish_reason,
        prompt_tokens=answer.prompt_tokens,
        tokens=answer.tokens,
        answered_as=answered_as(answer),
        engine=engine(endpoint, answer),
    )
    if not request.by_probability or reply.finish_reason in REFUSED_REASONS:
        return reply
    likely = next_token(completion)
    if likely is not None:
        return replace(reply, text=None, probabilities=likely)
    if reply.text is None:
        return reply
    return replace(reply, failed=f"no log-probabilities came with {reply.text[:SHOWN]!r}")
