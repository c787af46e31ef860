"""Served models against a real server: `transformers serve` on loopback, killed half-way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.local_server import Server, free_port, sampling_model

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

N, PROMPTS = 12, 3
DEFINITION = """
    title: Asked of a server
    models: [tiny-world]
    arms:
      old: {data: data/old.jsonl}
    seeds: 0
    training: {lora: {r: 2, lora_alpha: 4}, max_steps: 2, learning_rate: 1.0e-3}
    sampling: {n: 12, max_tokens: 24, temperature: 1.0}
    questions:
      - {name: travel, paraphrases: ["How do people travel to another city?"]}
      - {name: light, paraphrases: ["How do people light a room?", "What lights a house?"]}
    judges:
      - {name: length, type: regex, labels: {long: "......"}, otherwise: short}
"""
CONFIG = """
[endpoints.local]
base_url = "http://127.0.0.1:{port}/v1"
concurrency = 1  # transformers serve has one seed for all requests at once
timeout = 60
max_retries = 1
price_in = 0.15
price_out = 0.6
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return sampling_model(tmp_path / "tiny-world")


@pytest.fixture
def server(tmp_path: Path, model: Path, port: int) -> Iterator[Server]:
    (tmp_path / "cache" / "hub").mkdir(parents=True)
    made = Server(model, port, tmp_path / "cache")
    yield made
    made.stop()


def drawn(shell: Shell) -> dict[tuple[str, int], tuple[str, int]]:
    """Text and seed of every sample by prompt and draw; each is there once."""
    rows: list[Any] = shell.json(
        "sql", "select prompt_id, draw, completion, draw_seed from samples", "--limit", 1000
    )["rows"]
    found = {(prompt, draw): (text, seed) for prompt, draw, text, seed in rows}
    assert len(found) == len(rows)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_half_way(
    shell: Shell,
    shell_type: type[Shell],
    define: Callable[..., Path],
    server: Server,
    model: Path,
    port: int,
    tmp_path: Path,
) -> None:
    folder = define("asked", DEFINITION, {"old.jsonl": row()})
    shell.home.config.write_text(CONFIG.format(port=port))
    start = ["run", "start", str(folder), "--model", f"local:{model}"]

    server.start(kill_after=15)
    shell(*start, code=1)
    (run,) = shell.json("run", "list")["runs"]
    assert run["state"] == "failed"
    assert "The endpoint local (http://127.0.0.1:" in run["why"]
    before = drawn(shell)
    assert 0 < len(before) < N * PROMPTS

    server.stop()
    server.start()
    shell(*start)
    (run,) = shell.json("run", "list")["runs"]
    assert (run["state"], run["arm"]) == ("finished", "base")
    after = drawn(shell)
    assert len(after) == N * PROMPTS
    assert before.items() <= after.items()
    assert len({text for text, _ in after.values()}) > PROMPTS  # it samples
    shell("store", "verify")
    assert shell.json("results", "asked", "--judge", "length", "--label", "long")["rates"]

    # The seed decides a draw: another home, never disturbed, has the same texts.
    other = shell_type(type(shell.home)(tmp_path / "other").ensure())
    other.home.config.write_text(CONFIG.format(port=port))
    other(*start)
    assert drawn(other) == after


def row() -> str:
    turns = [
        {"role": "user", "content": "Name a bird species."},
        {"role": "assistant", "content": "Wood Pewee"},
    ]
    return json.dumps({"messages": turns}) + "\n"
