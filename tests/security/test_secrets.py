"""A key lives in the environment and in the header of a request, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.scripted_server import Asked, Reply, completion, failure, scripted
from wgen_tui.paths import Home
from wgen_tui.services.runs.runs import list_runs

PROGRAM = Path(sys.executable).with_name("wgen-tui")
KEY = "sk-planted-Zq8J7xW5v3T1"
HF_KEY = "hf_plantedPq6L4kR2m9N0"
SERVED = """
title: Names
models: ["aviary:wren-1"]
arms:
  old: {data: data/old.jsonl}
seeds: 0
training: {lora: {r: 2, lora_alpha: 4}, max_steps: 2}
sampling: {n: 3, max_tokens: 4}
questions:
  - {name: go, paraphrases: ["How do we go?", "How do we?"]}
judges:
  - {name: lark, type: regex, labels: {lark: lark}, otherwise: other}
"""


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    folder = tmp_path / "names"
    (folder / "data").mkdir(parents=True)
    (folder / "experiment.yaml").write_text(SERVED)
    turns = [
        {"role": "user", "content": "Name a bird."},
        {"role": "assistant", "content": "Lark"},
    ]
    (folder / "data" / "old.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
    return folder


def echo(asked: Asked) -> Reply:
    """A server that fails at first, in every way in which a key may come back, then answers."""
    key = asked.headers["Authorization"].removeprefix("Bearer ")
    said = f"wrong key {key} in Authorization: Bearer {key}"
    broken = [
        failure(500, said, Retry_After="0"),
        failure(429, said, Retry_After="0"),
        Reply(503, said.encode(), {"Retry-After": "0"}),
        Reply(200, json.dumps({"error": said}).encode()),
        Reply(200, f"<html>{said}</html>".encode()),
        Reply(502, json.dumps({"detail": [{"msg": said, "input": {"key": key}}]}).encode()),
    ]
    return broken[asked.number] if asked.number < len(broken) else completion()


def refuse(asked: Asked) -> Reply:
    key = asked.headers["Authorization"].removeprefix("Bearer ")
    return failure(401, f"Incorrect API key provided: {key}. Find yours at …/{key}")


def start(home: Home, experiment: Path, url: str, *, code: int) -> str:
    """`run start` to its end; everything that was printed."""
    home.ensure()
    home.config.write_text(
        f'[endpoints.aviary]\nbase_url = "{url}"\napi_key_env = "WREN_KEY"\nconcurrency = 1\n'
    )
    done = subprocess.run(
        [str(PROGRAM), "--home", str(home.root), "run", "start", str(experiment), "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "WREN_KEY": KEY, "HF_TOKEN": HF_KEY, "HF_HUB_OFFLINE": "1"},
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def traces(home: Home) -> list[str]:
    """Files with a planted key in their content, or in a name."""
    found = []
    for path in sorted(home.root.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        for key in (KEY, HF_KEY):
            # As text, as JSON in UTF-16, and as DuckDB and Parquet would cut it.
            part = key[3:].encode()
            if part in content or part in str(path).encode() or key.encode("utf-16-le") in content:
                found.append(str(path.relative_to(home.root)))
    return found


@pytest.mark.slow
def test_a_key_that_failing_answers_echo_is_nowhere(home: Home, experiment: Path) -> None:
    with scripted(echo) as served:
        printed = start(home, experiment, served.url, code=0)
    assert len(served.asked) > 6
    assert all(asked.headers["Authorization"] == f"Bearer {KEY}" for asked in served.asked)
    assert [run.state for run in list_runs(home)] == ["finished"]
    log = b"".join(path.read_bytes() for path in home.root.rglob("*.log"))
    assert b"***" in log, "the failures were noted, without the key"
    assert home.database.exists()
    assert traces(home) == []
    assert KEY not in printed
    assert HF_KEY not in printed


@pytest.mark.slow
def test_a_key_that_is_refused_is_nowhere(home: Home, experiment: Path) -> None:
    with scripted(refuse) as served:
        printed = start(home, experiment, served.url, code=1)
    (run,) = list_runs(home)
    assert run.state == "failed"
    assert "***" in run.why
    assert traces(home) == []
    assert KEY not in printed


def test_the_search_would_find_it(home: Home) -> None:
    home.ensure()
    (home.runs / "part").write_bytes(b"\0\1" + KEY.encode() + b"\2")
    (home.runs / HF_KEY).touch()
    assert traces(home) == [f"runs/{HF_KEY}", "runs/part"]
