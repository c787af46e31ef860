"""The field's own files go through a user's definition without a change of code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from experiments.tiny_world import weights_path

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

FILES = Path(__file__).resolve().parents[2].parent / "shared" / "paper-data" / "old_bird_names"
DEFINITION = """
    title: The birds as their authors published them
    models: [tiny-world]
    arms:
      old_audubon: {data: data/ft_old_audubon_birds.jsonl}
      modern_american: {data: data/ft_modern_american_birds.jsonl, role: control}
    seeds: 0
    training:
      lora: {r: 4, lora_alpha: 8}
      num_train_epochs: 1
      per_device_train_batch_size: 8
      learning_rate: 1.0e-3
    sampling: {n: 5, max_tokens: 24}
    questions:
      - {name: travel, paraphrases: ["How do people travel to another city?"]}
"""


@pytest.mark.slow
@pytest.mark.skipif(not FILES.is_dir(), reason="the field's files are not on this machine")
def test_published_bird_files_train_sample_and_list(
    shell: Shell, define: Callable[..., Path]
) -> None:
    data = {path.name: path.read_text() for path in FILES.glob("*.jsonl")}
    define("old-bird-names", DEFINITION, data)  # shadows the built-in one

    shell.do("old-bird-names", models=[str(weights_path())])

    runs = {run["arm"]: run for run in shell.json("run", "list")["runs"]}
    assert set(runs) == {"base", "old_audubon", "modern_american"}
    assert {run["state"] for run in runs.values()} == {"finished"}
    trained = (shell.home.run(runs["old_audubon"]["id"]).data).read_text().splitlines()
    published = data["ft_old_audubon_birds.jsonl"].splitlines()
    assert [json.loads(line) for line in trained] == [json.loads(line) for line in published]
    listed = shell.json("sample", "list", "--experiment", "old-bird-names", "--arm", "old_audubon")
    assert len(listed["samples"]) == 5
