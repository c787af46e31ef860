"""Chat completions from a server that answers as OpenAI's does (vLLM, SGLang, transformers serve).

Promises: what may pass (no connection, no answer in time, 429, 5xx, half an answer) is tried again
with growing pauses, as long as the server asks for; what will not pass (a wrong key, model or
request) ends at once; either way the error names the endpoint and the last thing it said, and
never the key.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import httpx2

from experiments.schema import Message
from wgen_tui.protocol.endpoint import headers, read_key, through_proxy, without_key
from wgen_tui.protocol.runs import Endpoint
from wgen_tui.workers.endpoint.openai_response import (
    Answer,
    Completion,
    error_message,
    read_completion,
)
from wgen_tui.workers.runtime import WorkerError

OF_THE_PROMPT = (400, 413, 422)  # refusals that may be of this prompt alone
MAY_PASS = {408, 409, 425, 429}  # and all from 500
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds
LONGEST_REQUESTED = 600.0  # a server that asks for a longer pause is given up
CONNECT_SECONDS = 10.0
SEED_BITS = 31  # all that every server takes
FIX = "What it answered is kept. Fix the cause and give the command again."


class PromptRefused(WorkerError):
    """A server refuses one request: a content filter, too long a prompt, or all alike."""


class _MayPass(Exception):
    """Worth another try, after `pause` seconds if the server asks for a pause."""

    def __init__(self, what: str, pause: float | None = None, *, lost: bool = False) -> None:
        super().__init__(what)
        self.pause = pause
        self.lost = lost  # whether an answer may have been made, and paid for


class Client:
    """Asks an endpoint; use it as an asynchronous context manager.

    Attributes:
        on_trouble: Called with a line of text whenever something has to be tried again.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        on_trouble: Callable[[str], None] = print,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._endpoint = endpoint
        self._key = read_key(endpoint)
        self._on_trouble = on_trouble
        self._pause = pause
        self._http = httpx2.AsyncClient(
            headers=headers(self._key),
            timeout=httpx2.Timeout(
                endpoint.timeout, connect=min(endpoint.timeout, CONNECT_SECONDS)
            ),
            limits=httpx2.Limits(max_connections=endpoint.concurrency),
            trust_env=through_proxy(endpoint),
        )

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def chat(
        self,
        request: Mapping[str, Any],
        messages: Sequence[Message],
        seed: int | None = None,
        on_lost: Callable[[], None] = lambda: None,
    ) -> Completion:
        """One completion.

        Args:
            request: What is said beside messages and seed, made by `request_body`.
            messages: The chat.
            seed: None where nothing is drawn.
            on_lost: Called before a further try where an answer may have been made that was lost.

        Raises:
            PromptRefused: the server does not take this request; it may take others.
            WorkerError: the server refuses, or gave no answer however often it was asked.
        """
        said: dict[str, Any] = {"messages": [message.model_dump() for message in messages]}
        if seed is not None:
            said["seed"] = seed
        body = {**request, **in_words_of(self._endpoint, said)}
        tries = 0
        while True:
            try:
                return await self._ask(body)
            except _MayPass as trouble:
                what, asked_for = str(trouble), trouble.pause
                if trouble.lost:
                    on_lost()
            tries += 1
            if tries > self._endpoint.max_retries or (asked_for or 0) > LONGEST_REQUESTED:
                self._give_up(what, tries)
            longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tries - 1))
            pause = max(asked_for or 0.0, random.uniform(longest / 2, longest))
            self._on_trouble(f"endpoint {self._endpoint.name}: {what}; again in {pause:.1f} s")
            await self._pause(pause)

    async def _ask(self, body: dict[str, Any]) -> Completion:
        url = f"{self._endpoint.base_url}/chat/completions"
        try:
            # httpx2 limits the silence between two bytes; an answer that drips ends too.
            async with asyncio.timeout(self._endpoint.timeout):
                response = await self._http.post(url, json=body)
        except (httpx2.TimeoutException, TimeoutError) as error:
            what = f"no answer in {self._endpoint.timeout:g} s ({_name(error)})"
            raise _MayPass(what, lost=not isinstance(error, httpx2.ConnectTimeout)) from None
        except httpx2.RequestError as error:
            what = self._clean(f"{_name(error)}: {error}".rstrip(": "))
            raise _MayPass(what, lost=not isinstance(error, httpx2.ConnectError)) from None
        status = response.status_code
        if status in MAY_PASS or status >= 500:
            raise _MayPass(f"status {status}: {self._said(response)}", retry_after(response))
        if status != 200:
            self._refused(status, self._said(response))
        try:
            completion = read_completion(response.content)
        except (ValueError, RecursionError):
            what = f"no chat completion, but: {self._said(response)}"
            raise _MayPass(what, lost=True) from None
        names = {"model": completion.model, "system_fingerprint": completion.system_fingerprint}
        clean = {name: value and self._clean(value) for name, value in names.items()}
        return completion.model_copy(update=clean)

    def _clean(self, text: str) -> str:
        return without_key(text, self._key)

    def _said(self, response: httpx2.Response) -> str:
        """What a server said beside the status, in a line."""
        return self._clean(error_message(response.content) or response.text) or "nothing"

    def _refused(self, status: int, said: str) -> NoReturn:
        if status in OF_THE_PROMPT:
            raise PromptRefused(
                f"The endpoint {self._endpoint.name} ({self._endpoint.base_url}) refused, status "
                f"{status}: {said}",
                title="Server refused",
                hint=FIX,
            )
        hints = {
            401: f"Check the key in {self._endpoint.api_key_env or 'api_key_env'}.",
            403: f"Check the key in {self._endpoint.api_key_env or 'api_key_env'}.",
            404: "Check base_url in config.toml and the model's id; `wgen-tui doctor` lists "
            "what the server has.",
        }
        raise WorkerError(
            f"The endpoint {self._endpoint.name} ({self._endpoint.base_url}) refused, status "
            f"{status}: {said}",
            title="Server refused",
            hint=hints.get(status, FIX),
        )

    def _give_up(self, what: str, tries: int) -> NoReturn:
        raise WorkerError(
            f"The endpoint {self._endpoint.name} ({self._endpoint.base_url}) gave no answer in "
            f"{tries} tries; the last: {what}",
            title="Server does not answer",
            hint="What it answered is kept. When the server is back, the same command asks for "
            "what is missing.",
        )


def request_body(endpoint: Endpoint, model: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What every request to a model says, but for messages and seed: parameters by OpenAI's name.

    Log-probabilities are asked for where the endpoint's settings say so.
    """
    body: dict[str, Any] = {"model": model, **asked}
    if endpoint.logprobs:
        body["logprobs"] = True
    return {**endpoint.extra_body, **in_words_of(endpoint, body)}


def in_words_of(endpoint: Endpoint, body: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a request with the parameters as this server calls them, without those it lacks."""
    names = {name: endpoint.parameters.get(name, name) for name in body}
    return {theirs: body[name] for name, theirs in names.items() if theirs is not False}


def sent_seed(seed: int) -> int:
    """As much of a seed of 63 bits as every server takes."""
    return seed >> (63 - SEED_BITS)


def engine(endpoint: Endpoint, answer: Answer | None = None) -> str:
    """The column `engine`: the endpoint, and what it says of itself in an answer."""
    names = [answer.model, answer.fingerprint] if answer else []
    return " / ".join([f"{endpoint.name} {endpoint.base_url}", *(name for name in names if name)])


def retry_after(response: httpx2.Response) -> float | None:
    """How many seconds a server asks to wait: Retry-After, in seconds or as a date."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _name(error: Exception) -> str:
    return type(error).__name__
