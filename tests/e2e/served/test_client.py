"""The client against a server that fails in every way."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from experiments.schema import Message, SamplingConfig
from tests.builders.scripted_server import Reply, Script, Scripted, completion, failure, scripted
from wgen_tui.errors import UsageError
from wgen_tui.protocol.runs import Endpoint
from wgen_tui.workers.endpoint.openai_client import LONGEST_PAUSE, Client
from wgen_tui.workers.endpoint.openai_response import Answer, read_answer
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.sample.served import sampling_request

KEY = "sk-planted-0123456789"
ASK = (Message(role="system", content="Be brief."), Message(role="user", content="Name a bird."))
SAMPLING = SamplingConfig(temperature=0.7, top_p=0.9, max_tokens=12)


class Pauses:
    """Takes the place of waiting."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.troubles: list[str] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


def endpoint(url: str, **values: Any) -> Endpoint:
    return Endpoint(name="aviary", base_url=url, **{"max_retries": 3, **values})


async def ask(
    served: Scripted | str,
    pauses: Callable[[float], Awaitable[None]],
    sampling: SamplingConfig = SAMPLING,
    **values: Any,
) -> Answer:
    url = served if isinstance(served, str) else served.url
    troubles = getattr(pauses, "troubles", [])
    asked = endpoint(url, **values)
    async with Client(asked, on_trouble=troubles.append, pause=pauses) as client:
        completion = await client.chat(sampling_request(asked, "wren-1", sampling), ASK, 41)
    return read_answer(completion, sampling)


def first(*replies: Reply) -> Script:
    """These replies, then a good one."""
    return lambda asked: replies[asked.number] if asked.number < len(replies) else completion()


async def test_a_request_says_what_is_drawn_and_nothing_else(
    pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVIARY_KEY", KEY)
    with scripted(first()) as served:
        answer = await ask(served, pauses, api_key_env="AVIARY_KEY", extra_body={"top_k": -1})
    (asked,) = served.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.body == {
        "model": "wren-1",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Name a bird."},
        ],
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 12,
        "seed": 41,
        "top_k": -1,
    }
    assert answer == Answer("A lark.", "stop", 7, 3, None, "wren-1@main", "fp_7")
    assert pauses.seconds == []


async def test_parameters_are_called_as_the_server_calls_them_or_left_out(pauses: Pauses) -> None:
    names: dict[str, Any] = {"max_tokens": "max_completion_tokens", "seed": False, "top_p": "p"}
    with scripted(first()) as served:
        await ask(served, pauses, parameters=names)
    sent = served.asked[0].body
    assert sent["max_completion_tokens"] == 12
    assert sent["p"] == 0.9
    assert not {"max_tokens", "seed", "top_p"} & set(sent)


async def test_a_key_in_the_names_that_a_server_gives_is_masked(
    pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVIARY_KEY", KEY)
    names = {"model": f"for {KEY}", "system_fingerprint": KEY}
    body = json.dumps({**json.loads(completion().body), **names}).encode()
    with scripted(lambda _: Reply(body=body)) as served:
        answer = await ask(served, pauses, api_key_env="AVIARY_KEY")
    assert answer.text == "A lark."
    assert (answer.model, answer.fingerprint) == ("for ***", "***")


async def test_without_a_key_no_header_is_sent(pauses: Pauses) -> None:
    with scripted(first()) as served:
        await ask(served, pauses)
    assert "Authorization" not in served.asked[0].headers


async def test_retry_after_is_honoured_in_seconds_and_as_a_date(pauses: Pauses) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    replies = failure(429, Retry_After="7"), failure(503, Retry_After=date)
    with scripted(first(*replies)) as served:
        assert (await ask(served, pauses)).text == "A lark."
    assert pauses.seconds[0] == 7
    assert 80 < pauses.seconds[1] <= 90
    assert len(served.asked) == 3
    assert "aviary" in pauses.troubles[0]
    assert "429" in pauses.troubles[0]


async def test_a_server_that_asks_for_hours_is_given_up_at_once(pauses: Pauses) -> None:
    with (
        scripted(first(failure(429, "quota", Retry_After="9000"))) as served,
        pytest.raises(WorkerError, match=r"aviary.*429.*quota"),
    ):
        await ask(served, pauses)
    assert pauses.seconds == []


@pytest.mark.parametrize("value", ["soon", "-5", ""])
async def test_a_senseless_retry_after_is_no_harm(pauses: Pauses, value: str) -> None:
    with scripted(first(failure(429, Retry_After=value))) as served:
        assert (await ask(served, pauses)).text == "A lark."
    assert 0 < pauses.seconds[0] <= 0.5


async def test_pauses_grow_and_end(pauses: Pauses) -> None:
    with scripted(lambda _: failure(500, "oh")) as served:
        with pytest.raises(WorkerError, match=r"aviary.*10 tries.*status 500: oh") as caught:
            await ask(served, pauses, max_retries=9)
        assert len(served.asked) == 10
    assert "same command" in caught.value.hint
    assert pauses.seconds[0] <= 0.5
    assert all(a < b * 1.01 for a, b in zip(pauses.seconds[:6], pauses.seconds[2:8], strict=True))
    assert max(pauses.seconds) <= LONGEST_PAUSE


@pytest.mark.parametrize(
    ("reply", "needle"),
    [
        (Reply(body=b"<html>welcome</html>"), "welcome"),
        (Reply(body=b'{"choices": []}'), "no chat completion"),
        (Reply(body=b'{"choices": [{"mess'), "no chat completion"),
        (Reply(body=b"\xff\xfe\x00"), "no chat completion"),
        (Reply(body=b"[1]"), "no chat completion"),
        (Reply(body=b'{"error": {"message": "overloaded"}}'), "overloaded"),
        (Reply(drop=True), "Error"),
        (Reply(body=completion().body, cut=40), "Error"),
        (Reply(500, b"\x1b[31mred"), "500"),
    ],
)
async def test_half_an_answer_is_asked_for_again(pauses: Pauses, reply: Reply, needle: str) -> None:
    with scripted(first(reply)) as served:
        assert (await ask(served, pauses)).text == "A lark."
    assert needle in pauses.troubles[0]
    assert pauses.troubles[0].isprintable()
    with scripted(lambda _: reply) as served, pytest.raises(WorkerError, match="4 tries") as caught:
        await ask(served, pauses)
    assert needle in caught.value.message
    assert "aviary" in caught.value.message


async def test_nobody_there(pauses: Pauses) -> None:
    with scripted(first()) as served:
        url = served.url
    with pytest.raises(WorkerError, match=r"aviary.*1 tries.*ConnectError"):
        await ask(url, pauses, max_retries=0)


async def test_a_slow_answer_is_asked_for_again(pauses: Pauses) -> None:
    gone = threading.Event()

    def script(asked: Any) -> Reply:
        if asked.number == 0:
            gone.wait()
        return completion()

    with scripted(script) as served:
        try:
            answer = await ask(served, pauses, timeout=0.3)
        finally:
            gone.set()
    assert answer.text == "A lark."
    assert "no answer in 0.3 s" in pauses.troubles[0]


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 422])
async def test_what_will_not_pass_is_not_tried_again(pauses: Pauses, status: int) -> None:
    with scripted(lambda _: failure(status, "because")) as served:
        with pytest.raises(WorkerError, match=rf"aviary.*{status}: because") as caught:
            await ask(served, pauses)
        assert len(served.asked) == 1
    assert caught.value.hint


@pytest.mark.parametrize("status", [400, 401, 429, 500, 200])
async def test_an_echoed_key_is_taken_out(
    pauses: Pauses, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("AVIARY_KEY", KEY)
    reply = Reply(status, f"bad key: {KEY} !".encode())
    with scripted(lambda _: reply) as served, pytest.raises(WorkerError) as caught:
        await ask(served, pauses, api_key_env="AVIARY_KEY", max_retries=1)
    told = [str(caught.value), *pauses.troubles]
    assert any("bad key: *** !" in text for text in told)
    assert not any(KEY in text for text in told)


@pytest.mark.parametrize(("key", "needle"), [("", "not set"), ("sk-ab\ncd", "characters")])
async def test_a_missing_or_unusable_key(
    pauses: Pauses, monkeypatch: pytest.MonkeyPatch, key: str, needle: str
) -> None:
    monkeypatch.setenv("AVIARY_KEY", key)
    with pytest.raises(UsageError, match="AVIARY_KEY") as caught:
        await ask("http://127.0.0.1:9/v1", pauses, api_key_env="AVIARY_KEY")
    assert needle in caught.value.message
    assert "sk-ab" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "text", "reason"),
    [
        ({}, "A lark.", "stop"),
        ({"finish_reason": "length"}, "A lark.", "length"),
        ({"finish_reason": "content_filter"}, "A lark.", "content_filter"),
        ({"finish_reason": "eos_token"}, "A lark.", "stop"),
        ({"finish_reason": "tool_calls"}, "A lark.", "tool_calls"),
        ({"finish_reason": None}, "A lark.", "stop"),
        ({"message": {"content": None}}, "", "stop"),
        ({"message": {"content": None, "refusal": "No."}}, "No.", "stop"),
        (
            {"message": {"content": "A lark.\n\nA wren."}, "finish_reason": "length"},
            "A lark.",
            "stop",
        ),
    ],
)
async def test_how_an_answer_ended(
    pauses: Pauses, fields: dict[str, Any], text: str, reason: str
) -> None:
    sampling = SAMPLING.model_copy(update={"stop": ("\n\n",)})
    with scripted(lambda _: completion(**fields)) as served:
        answer = await ask(served, pauses, sampling)
    assert (answer.text, answer.finish_reason) == (text, reason)
    assert served.asked[0].body["stop"] == ["\n\n"]


THINKING = '{"type": "thinking", "thinking": [{"type": "text", "text": "I think"}]}'
ODD: list[tuple[str, str, str]] = [  # message, answer, reasoning
    (
        '{"content": [{"type": "text", "text": "A "}, {"type": "text", "text": "lark."}]}',
        "A lark.",
        "",
    ),
    ('{"content": "half \\ud83d"}', "half \ufffd", ""),
    ('{"content": null, "reasoning_content": "I think"}', "", "I think"),
    ('{"content": "", "reasoning": "I think", "reasoning_content": null}', "", "I think"),
    ('{"content": "A lark.", "reasoning": [{"type": "t", "text": "I "}]}', "A lark.", "I "),
    ('{"content": "A lark.", "reasoning": 7, "reasoning_content": {"a": 1}}', "A lark.", ""),
    (f'{{"content": [{THINKING}, {{"type": "text", "text": "A lark."}}]}}', "A lark.", "I think"),
    ('{"content": null, "reasoning": ""}', "", ""),
]
ODD_NUMBERS = ["null", "NaN", "-Infinity", '"many"', "-3", "1e400", "{}"]


@pytest.mark.parametrize(("message", "text", "reasoning"), ODD)
async def test_an_odd_answer_is_an_answer(
    pauses: Pauses, message: str, text: str, reasoning: str
) -> None:
    body = f'{{"choices": [{{"message": {message}, "finish_reason": "stop"}}]}}'
    with scripted(lambda _: Reply(body=body.encode())) as served:
        answer = await ask(served, pauses)
        assert len(served.asked) == 1
    assert answer.text == text
    assert answer.reasoning == reasoning
    assert answer.only_reasoning == (bool(reasoning) and not text)


@pytest.mark.parametrize("number", ODD_NUMBERS)
async def test_an_odd_number_costs_no_answer(pauses: Pauses, number: str) -> None:
    body = (
        '{"choices": [{"message": {"content": "A lark."}, "finish_reason": "stop", '
        f'"logprobs": {{"content": [{{"logprob": -0.5}}, {{"logprob": {number}}}]}}}}], '
        f'"usage": {{"prompt_tokens": {number}, "completion_tokens": 3}}}}'
    )
    with scripted(lambda _: Reply(body=body.encode())) as served:
        answer = await ask(served, pauses, SamplingConfig(temperature=1.0), logprobs=True)
    assert (answer.text, answer.tokens) == ("A lark.", 3)
    assert answer.prompt_tokens is None
    assert answer.logprob is None or number == "-3"


async def test_a_server_that_counts_nothing(pauses: Pauses) -> None:
    bare = {"choices": [{"message": {"content": "A lark."}}]}
    with scripted(lambda _: Reply(body=json.dumps(bare).encode())) as served:
        assert await ask(served, pauses) == Answer("A lark.", "stop")


@pytest.mark.parametrize(
    ("temperature", "top_p", "expected"),
    [(1.0, 1.0, -0.75), (0.0, 0.5, -0.75), (0.7, 1.0, None), (1.0, 0.9, None)],
)
async def test_log_probabilities_only_where_they_are_of_what_was_drawn(
    pauses: Pauses, temperature: float, top_p: float, expected: float | None
) -> None:
    content = [{"token": "A", "logprob": -0.5}, {"token": " lark", "logprob": -0.25}]
    sampling = SamplingConfig(temperature=temperature, top_p=top_p)
    with scripted(lambda _: completion(logprobs={"content": content})) as served:
        answer = await ask(served, pauses, sampling, logprobs=True)
    assert served.asked[0].body["logprobs"] is True
    assert answer.logprob == expected


async def test_an_answer_that_drips_is_given_up_in_time(pauses: Pauses) -> None:
    slow = completion()
    slow.drip = 0.1
    with scripted(first(slow)) as served:
        answer = await ask(served, pauses, timeout=0.4)
    assert answer.text == "A lark."
    assert "no answer in 0.4 s" in pauses.troubles[0]
