"""config.toml: mistakes are named, keys refused; what a served model's name means and plans."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builders.scripted_server import completion, scripted
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import Endpoint, ModelRef
from wgen_tui.services import doctor
from wgen_tui.services.models.endpoints import read_endpoints
from wgen_tui.services.models.fingerprint import weights_key
from wgen_tui.services.models.resolve import resolve_model
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.services.runs import process

NOWHERE = "http://127.0.0.1:9/v1"
SECRET = "sk-planted-0123456789"
Configure = Callable[..., None]


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def plan_for(home: Home, definition: Path, **options: Any) -> Plan:
    return make_plan(home, str(definition), Options(**options))


def test_a_whole_table(home: Home) -> None:
    home.config.write_text(
        """
        theme = "of somebody else's"
        [endpoints.local]
        base_url = "http://localhost:8000/v1/"
        [endpoints.far]
        base_url = "https://api.example.com/v1"
        api_key_env = "FAR_KEY"
        concurrency = 2
        timeout = 30
        max_retries = 0
        price_in = 0.15
        price_out = 0.6
        logprobs = true
        [endpoints.far.extra_body]
        top_k = -1
        chat_template_kwargs = {enable_thinking = false}
        """
    )
    found = read_endpoints(home)
    assert found["local"] == Endpoint(name="local", base_url="http://localhost:8000/v1")
    assert found["far"] == Endpoint(
        name="far",
        base_url="https://api.example.com/v1",
        api_key_env="FAR_KEY",
        concurrency=2,
        timeout=30.0,
        max_retries=0,
        price_in=0.15,
        price_out=0.6,
        logprobs=True,
        extra_body={"top_k": -1, "chat_template_kwargs": {"enable_thinking": False}},
    )


def test_no_file_no_endpoints(home: Home) -> None:
    assert read_endpoints(home) == {}


URL = 'base_url = "http://h/v1"\n'


@pytest.mark.parametrize(
    ("text", "needles"),
    [
        ("[endpoints.a\n", ["config.toml", "line 1"]),
        ("endpoints = 3\n", ["endpoints", "table"]),
        ("[endpoints]\na = 3\n", ["endpoints.a", "table"]),
        ('[endpoints."a b"]\n', ["endpoints.a b", "letters"]),
        ("[endpoints.a]\n", ["endpoints.a.base_url", "missing"]),
        ('[endpoints.a]\nbas_url = "http://h"\n', ["endpoints.a.bas_url", "base_url?"]),
        (f"[endpoints.a]\n{URL}concurency = 3\n", ["endpoints.a.concurency", "concurrency?"]),
        (f"[endpoints.a]\n{URL}colour = 3\n", ["endpoints.a.colour", "There are:", "timeout"]),
        (f"[endpoints.a]\n{URL}concurrency = 0\n", ["endpoints.a.concurrency", "greater"]),
        (f'[endpoints.a]\n{URL}concurrency = "8"\n', ["endpoints.a.concurrency", "integer"]),
        (f"[endpoints.a]\n{URL}timeout = 0\n", ["endpoints.a.timeout"]),
        (f"[endpoints.a]\n{URL}price_in = -1\n", ["endpoints.a.price_in"]),
        ('[endpoints.a]\nbase_url = "localhost:8000"\n', ["endpoints.a.base_url", "http://"]),
        ('[endpoints.a]\nbase_url = "http://h:x/v1"\n', ["endpoints.a.base_url", "http://"]),
        ('[endpoints.a]\nbase_url = "http://h/v1?k=1"\n', ["endpoints.a.base_url", "?"]),
        (
            '[endpoints.a]\nbase_url = "http://h/v1/chat/completions"\n',
            ["endpoints.a.base_url", "/chat/completions"],
        ),
        (f"[endpoints.a]\n{URL}extra_body = 3\n", ["endpoints.a.extra_body"]),
        (f"[endpoints.a]\n{URL}thinking_on = true\n", ["endpoints.a.thinking_on"]),
        (f"[endpoints.a]\n{URL}thinking_off = {{seed = 3}}\n", ["a.thinking_off", "seed"]),
        (f"[endpoints.a]\n{URL}parameters = {{max_token = 'x'}}\n", ["parameters", "max_tokens"]),
        (f"[endpoints.a]\n{URL}parameters = {{seed = true}}\n", ["endpoints.a.parameters"]),
        (f"[endpoints.a]\n{URL}extra_body = {{seed = 3}}\n", ["endpoints.a.extra_body", "seed"]),
        (
            f"[endpoints.a]\n{URL}extra_body = {{temperature = 3}}\n",
            ["endpoints.a.extra_body", "temperature", "sampling"],
        ),
        (f"[endpoints.a]\n{URL}extra_body = {{at = 2026-01-01}}\n", ["extra_body", "JSON"]),
    ],
)
def test_a_mistake_is_named(home: Home, text: str, needles: list[str]) -> None:
    home.config.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_endpoints(home)
    assert all(needle in str(caught.value) for needle in [*needles, str(home.config)]), caught.value


@pytest.mark.parametrize(
    "line",
    [
        f'api_key = "{SECRET}"',
        f'"api-key" = "{SECRET}"',
        f'token = "{SECRET}"',
        f'Authorization = "Bearer {SECRET}"',
        f'api_key_env = "{SECRET}"',
        f'extra_body = {{api_key = "{SECRET}"}}',
        f'base_url = "https://user:{SECRET}@h/v1"',
        f'base_url = "https://{SECRET}:x@h/v1"',
        f'base_url = "https://h/v1?api-key={SECRET}"',
        f'concurrency = "{SECRET}"',
    ],
)
def test_a_key_in_the_file_is_refused_and_not_repeated(home: Home, line: str) -> None:
    before = "" if line.startswith("base_url") else URL
    home.config.write_text(f"[endpoints.a]\n{before}{line}\n")
    with pytest.raises(UsageError) as caught:
        read_endpoints(home)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None  # nothing that a traceback would show


@pytest.mark.parametrize(
    ("name", "needles"),
    [
        ("avairy:wren-1", ["endpoint 'avairy'", "Did you mean aviary?", "[endpoints.avairy]"]),
        ("aviary:", ["aviary", "MODEL-ID"]),
        ("aviary: wren", ["MODEL-ID"]),
        ("aviary:wren\x1b[31m", ["MODEL-ID"]),
    ],
)
def test_a_name_that_means_nothing(
    home: Home, configure: Configure, name: str, needles: list[str]
) -> None:
    configure(NOWHERE)
    with pytest.raises(UsageError) as caught:
        resolve_model(home, name)
    assert all(needle in str(caught.value) for needle in needles), caught.value


def test_a_table_of_a_wrong_name_is_pointed_at(home: Home) -> None:
    home.config.write_text("[endpoint.aviary]\n" + URL)
    with pytest.raises(UsageError, match=r"has \[endpoint\]"):
        resolve_model(home, "aviary:wren-1")


def test_names(home: Home, configure: Configure, tmp_path: Path) -> None:
    configure(NOWHERE)
    ref = resolve_model(home, "aviary:org/wren-1:latest")
    assert (ref.name, ref.location) == ("aviary:org/wren-1:latest", "org/wren-1:latest")
    assert ref.endpoint is not None
    assert resolve_model(home, "Qwen/Qwen3-8B").endpoint is None
    folder = tmp_path / "a:b"
    folder.mkdir()
    assert resolve_model(home, str(folder)).endpoint is None


def test_what_makes_two_served_models_the_same() -> None:
    def key(model: str = "m", url: str = "http://a/v1", **values: Any) -> list[str]:
        endpoint = Endpoint(name="x", base_url=url, **values)
        return weights_key(ModelRef(name="x:m", location=model, endpoint=endpoint))

    assert key() == key(concurrency=99, timeout=1.0, price_in=3.0, api_key_env="K")
    others = [key("n"), key(url="http://b/v1"), key(extra_body={"top_k": 1})]
    others.append(weights_key(ModelRef(name="m", location="m")))
    assert all(other != key() for other in others)


def test_a_served_model_has_its_base_run_only(
    home: Home, configure: Configure, definition: Path
) -> None:
    configure(NOWHERE)
    before = tree(home.root)
    plan = plan_for(home, definition)
    assert tree(home.root) == before
    (run,) = plan.runs
    assert (run.spec.arm, run.spec.model.name) == ("base", "aviary:wren-1")
    assert run.todo == {"sample", "judge"}
    assert run.samples_missing == 8
    assert any("only the base" in text for text in plan.warnings)
    assert any("does not answer yet" in text for text in plan.warnings)
    sample, judge = commit(home, plan)
    assert sample.served
    assert not judge.served
    command = process.argv(home, sample)
    assert command[:3] == [sys.executable, "-m", "wgen_tui.workers.sample.served"]


def test_arms_that_are_asked_for_are_refused(
    home: Home, configure: Configure, definition: Path
) -> None:
    configure(NOWHERE)
    before = tree(home.root)
    with pytest.raises(UsageError, match="old cannot be done") as caught:
        plan_for(home, definition, arms=["base", "old"])
    assert "fine-tuned elsewhere" in caught.value.hint
    assert tree(home.root) == before
    assert len(plan_for(home, definition, arms=["base"]).runs) == 1


def test_an_unset_key_stops_the_plan(
    home: Home, configure: Configure, definition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(NOWHERE, api_key_env="AVIARY_KEY")
    monkeypatch.delenv("AVIARY_KEY", raising=False)
    before = tree(home.root)
    with pytest.raises(UsageError, match="AVIARY_KEY is not set"):
        plan_for(home, definition)
    assert tree(home.root) == before


def test_a_model_that_the_server_does_not_list(
    home: Home, configure: Configure, definition: Path
) -> None:
    with scripted(lambda _: completion()) as served:
        configure(served.url)
        known = plan_for(home, definition, arms=["base"]).warnings
        unknown = plan_for(home, definition, arms=["base"], models=["aviary:wren-2"]).warnings
    assert known == ()
    assert any("wren-2" in text and "wren-1" in text for text in unknown)


def test_the_run_keeps_its_name_and_takes_the_new_settings(
    home: Home, configure: Configure, definition: Path
) -> None:
    configure(NOWHERE, concurrency=1)
    commit(home, plan_for(home, definition))
    configure(NOWHERE, concurrency=5)
    (run,) = plan_for(home, definition, n=9).runs
    assert run.spec.model.endpoint is not None
    assert run.spec.model.endpoint.concurrency == 5


def test_doctor_says_who_answers_and_shows_no_key(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVIARY_KEY", SECRET)
    monkeypatch.delenv("OTHER_KEY", raising=False)
    with scripted(lambda _: completion()) as served:
        home.config.write_text(
            f'[endpoints.up]\nbase_url = "{served.url}"\napi_key_env = "AVIARY_KEY"\n'
            f'[endpoints.down]\nbase_url = "{NOWHERE}"\n'
            f'[endpoints.keyless]\nbase_url = "{served.url}"\napi_key_env = "OTHER_KEY"\n'
        )
        found = [item for item in doctor.examine(home) if item.topic == "endpoints"]
    up, down, keyless = found
    assert (up.verdict, down.verdict, keyless.verdict) == ("ok", "note", "problem")
    assert "wren-1" in up.value
    assert "key in AVIARY_KEY" in up.value
    assert "does not answer" in down.value
    assert "OTHER_KEY is not set" in keyless.value
    assert SECRET not in repr(found)
    home.config.write_text("[endpoints.a]\nurl = 3\n")
    (wrong,) = [item for item in doctor.examine(home) if item.topic == "endpoints"]
    assert wrong.verdict == "problem"
