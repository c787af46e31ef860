"""What a server that answers as OpenAI's does says, in our words.

Promises: unknown fields change nothing; a completion is cut at a stop text, which some servers
leave at its end; a log-probability is taken only where it means what our column means.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from experiments.schema import SamplingConfig

FINISH = {
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
}


def _or_none(value: Any, convert: Callable[[Any], Any]) -> Any:
    """A number beside the text; one that is none must not cost the text."""
    try:
        number = convert(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


_Number = Annotated[float | None, BeforeValidator(lambda value: _or_none(value, float))]


class _Likely(BaseModel):
    token: Annotated[
        str, BeforeValidator(lambda value: value if isinstance(value, str) else "")
    ] = ""
    logprob: _Number = None


class _Token(_Likely):
    top_logprobs: Annotated[
        list[_Likely], BeforeValidator(lambda value: value if isinstance(value, list) else [])
    ] = []


class _Logprobs(BaseModel):
    content: list[_Token] | None = None


def _joined(value: Any) -> Any:
    """Content in parts as one text; a part without text has none."""
    if isinstance(value, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in value]
        return "".join(text for text in texts if isinstance(text, str))
    return value


def _thoughts(value: Any) -> str:
    """Reasoning as one text, whether it comes so or in parts; nothing else costs the answer."""
    if isinstance(value, str):
        return value
    parts = value if isinstance(value, list) else [value]
    keys = ("thinking", "reasoning", "text")
    own = (part.get(key) for part in parts if isinstance(part, dict) for key in keys)
    return "".join(_thoughts(text) for text in own if isinstance(text, str | list))


def _thinking_parts(value: Any) -> str:
    """The thoughts among the parts of a content, as Mistral sends them."""
    if not isinstance(value, list):
        return ""
    kinds = ("thinking", "reasoning")
    own = (part.get(kind) for part in value if isinstance(part, dict) for kind in kinds)
    return "".join(_thoughts(text) for text in own if text)


class _Message(BaseModel):
    content: Annotated[str | None, BeforeValidator(_joined)] = None
    refusal: str | None = None
    reasoning_content: Annotated[str, BeforeValidator(_thoughts)] = ""
    reasoning: Annotated[str, BeforeValidator(_thoughts)] = ""
    thinking_parts: Annotated[
        str, BeforeValidator(_thinking_parts), Field(validation_alias="content")
    ] = ""


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


_Count = Annotated[int | None, BeforeValidator(lambda value: _count(value))]


def _count(value: Any) -> int | None:
    number = _or_none(value, int)
    return number if number is not None and number >= 0 else None


class _Usage(BaseModel):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None


class Completion(BaseModel):
    """The parts of an answer that are read; servers add many more."""

    model: str | None = None
    system_fingerprint: str | None = None
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One completion; None where the server did not say.

    Attributes:
        text: What was drawn; empty when the server gave none.
        finish_reason: `stop`, `length`, `content_filter`, or the server's own word.
        model: As the server names it.
        fingerprint: `system_fingerprint`.
        reasoning: What it thought before, where the server says so.
        refused: Whether the text is why the model does not answer.
    """

    text: str
    finish_reason: str
    prompt_tokens: int | None = None
    tokens: int | None = None
    logprob: float | None = None
    model: str | None = None
    fingerprint: str | None = None
    reasoning: str = ""
    refused: bool = False

    @property
    def only_reasoning(self) -> bool:
        """Whether the server gave thoughts and no answer."""
        return bool(self.reasoning) and not self.text


def read_completion(content: bytes) -> Completion:
    """A server's answer.

    Half characters, which JSON can say and UTF-8 cannot, become U+FFFD.

    Raises:
        ValueError: it is no chat completion.
    """
    try:
        return Completion.model_validate_json(content)
    except ValidationError:
        value = json.loads(content)
        text = json.dumps(value, ensure_ascii=False)
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return Completion.model_validate(json.loads(whole))


def read_answer(completion: Completion, sampling: SamplingConfig) -> Answer:
    """An answer in our words; cut at a stop text, which some servers leave at the end.

    Args:
        completion: What a server said.
        sampling: How it was asked: by its stop texts and its temperature an answer is read.
    """
    choice = completion.choices[0]
    message = choice.message
    text = message.content or message.refusal or ""
    ends = [text.index(stop) for stop in sampling.stop if stop in text]
    usage = completion.usage or _Usage()
    reason = choice.finish_reason
    if reason is None:
        long = (
            usage.completion_tokens is not None and usage.completion_tokens >= sampling.max_tokens
        )
        reason = "length" if long else "stop"
    return Answer(
        text=text[: min(ends)] if ends else text,
        finish_reason="stop" if ends else FINISH.get(reason, reason),
        prompt_tokens=usage.prompt_tokens,
        tokens=usage.completion_tokens,
        logprob=_logprob(choice, sampling),
        model=completion.model,
        fingerprint=completion.system_fingerprint or None,
        reasoning=message.reasoning_content or message.reasoning or message.thinking_parts,
        refused=not message.content and bool(message.refusal),
    )


def next_token(completion: Completion) -> dict[str, float] | None:
    """The likeliest first tokens with their probabilities; None where a server gives none.

    A log-probability that is no number is left out, and a token of which there is only the text.
    """
    logprobs = completion.choices[0].logprobs
    tokens = logprobs.content if logprobs else None
    if not tokens:
        return None
    likely = tokens[0].top_logprobs or [tokens[0]]
    probabilities: dict[str, float] = {}
    for token in likely:
        if token.logprob is not None:
            share = math.exp(min(token.logprob, 0.0))
            probabilities[token.token] = probabilities.get(token.token, 0.0) + share
    return probabilities or None


def _logprob(choice: _Choice, sampling: SamplingConfig) -> float | None:
    """The sum, where the server's numbers are of the distribution drawn from.

    Servers give the model's own log-probabilities, before temperature and top-p; the column means
    those of the distribution drawn from, and at temperature 0 the model's own.
    """
    same = sampling.temperature == 0 or (sampling.temperature == 1 and sampling.top_p == 1)
    tokens = choice.logprobs.content if choice.logprobs else None
    logprobs = [token.logprob for token in tokens or ()]
    if not same or not logprobs or any(value is None for value in logprobs):
        return None
    return sum(value for value in logprobs if value is not None)


def error_message(content: bytes) -> str:
    """The message in an error's JSON: OpenAI's form, FastAPI's, or any with a `message`."""
    try:
        body = json.loads(content)
    except ValueError:
        return ""
    if isinstance(body, dict):
        error = body.get("error", body)
        if isinstance(error, dict):
            error = error.get("message") or error.get("detail")
        if error:
            return str(error)
    return ""
