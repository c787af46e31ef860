"""More draws from runs that are there; and what is said when an adapter is not what it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from wgen_tui.protocol import NOT_TRAINED

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("sampling")]
DEFINITION = """
    title: Topped up
    models: [tiny-world]
    arms:
      old: {data: data/old.jsonl}
    seeds: 0-1
    training: {lora: {r: 2, lora_alpha: 4}, max_steps: 8, learning_rate: 1.0e-3}
    sampling: {n: 3, max_tokens: 12}
    questions:
      - {name: travel, paraphrases: ["How do people travel to another city?"]}
      - {name: light, paraphrases: ["How do people light a room?", "What lights a house?"]}
    judges:
      - {name: length, type: regex, labels: {long: "......"}, otherwise: short}
    analysis: {primary: {judge: length, label: long}}
"""


def row(name: str) -> str:
    turns = [
        {"role": "user", "content": "Name a bird species."},
        {"role": "assistant", "content": name},
    ]
    return json.dumps({"messages": turns})


@pytest.fixture
def ran(shell: Shell, define: Callable[..., Path]) -> Iterator[Shell]:
    names = ("Great Carolina Wren", "Wood Pewee", "Brown Lark", "Marsh Hawk")
    define("topped", DEFINITION, {"old.jsonl": "\n".join(map(row, names))})
    shell("run", "start", "topped")
    yield shell


def counts(shell: Shell) -> dict[tuple[str, int, str], int]:
    query = "select arm, seed, question, count(*) from samples group by all"
    return {(arm, seed, q): n for arm, seed, q, n in shell.json("sql", query)["rows"]}


def texts(shell: Shell) -> dict[int, str]:
    return dict(shell.json("sql", "select sample_id, completion from samples")["rows"])


def run_of(shell: Shell, arm: str, seed: int = 0) -> dict[str, Any]:
    runs = shell.json("run", "list")["runs"]
    (found,) = [run for run in runs if (run["arm"], run["seed"]) == (arm, seed)]
    return dict(found)


def test_only_what_is_missing_is_drawn(ran: Shell) -> None:
    before, metrics = texts(ran), ran.home.run(run_of(ran, "old")["id"]).metrics.read_bytes()
    planned = ran.json("sample", "top-up", "topped", "--n", 5, "--dry-run")
    assert [run["samples_missing"] for run in planned["runs"]] == [6, 6, 6]
    assert texts(ran) == before

    ran("sample", "top-up", "topped", "--n", 5, "--questions", "light")
    ran("sample", "top-up", "topped", "--n", 4, "--runs", run_of(ran, "old", 1)["id"])

    assert counts(ran) == {
        **{("base", 0, "travel"): 3, ("base", 0, "light"): 10},
        **{("old", 0, "travel"): 3, ("old", 0, "light"): 10},
        **{("old", 1, "travel"): 4, ("old", 1, "light"): 10},
    }
    assert before.items() <= texts(ran).items()
    assert ran.home.run(run_of(ran, "old")["id"]).metrics.read_bytes() == metrics
    ungraded = "select count(*) from samples anti join grades using (sample_id)"
    assert ran.json("sql", ungraded)["rows"] == [[0]]
    launches = len(list(ran.home.launches.iterdir()))
    ran("sample", "top-up", "topped", "--n", 3)
    assert len(list(ran.home.launches.iterdir())) == launches
    ran("sample", "top-up", "topped", "--n", 5, "--questions", "lihgt", code=2)
    ran("sample", "top-up", "topped", "--n", 0, code=2)


def test_a_changed_adapter_is_not_sampled_and_stands_beside_the_results(ran: Shell) -> None:
    run = run_of(ran, "old")
    folder = ran.home.run(run["id"]).checkpoint(8)
    weights = load_file(folder / "adapter_model.safetensors")
    save_file(
        {k: torch.zeros_like(v) for k, v in weights.items()}, folder / "adapter_model.safetensors"
    )
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name in manifest["files"]:
        manifest["files"][name] = sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert not any("in doubt" in w for w in ran.json("results", "topped")["warnings"])

    ran("sample", "top-up", "topped", "--n", 5, code=1)

    assert counts(ran)["old", 0, "travel"] == 3
    assert counts(ran)["old", 1, "travel"] == counts(ran)["base", 0, "travel"] == 5
    after = run_of(ran, "old")
    assert after["state"] == "failed"
    assert NOT_TRAINED in after["why"]
    (warning,) = [w for w in ran.json("results", "topped")["warnings"] if "in doubt" in w]
    assert warning.startswith("old, seed 0:")
