"""A home with an endpoint in it, and a definition that asks eight draws of a served model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wgen_tui.paths import Home

DEFINITION = """
title: Names
models: ["aviary:wren-1"]
arms:
  old: {data: data/old.jsonl}
  new: {data: data/new.jsonl, role: control}
seeds: 0-1
training: {lora: {r: 2, lora_alpha: 4}, max_steps: 2, learning_rate: 1.0e-2}
sampling: {n: 3, max_tokens: 4}
questions:
  - {name: go, paraphrases: ["How do we go?", "How do we?"]}
  - {name: bird, paraphrases: ["Name a bird."], samples_per_paraphrase: 2, max_tokens: 9}
judges:
  - {name: lark, type: regex, labels: {lark: lark}, otherwise: other}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


@pytest.fixture
def configure(home: Home) -> Callable[..., None]:
    """`configure(url, key=value, ...)`: the endpoint `aviary` in config.toml."""

    def write(url: str, **values: Any) -> None:
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in values.items()]
        home.config.write_text(f'[endpoints.aviary]\nbase_url = "{url}"\n{"".join(lines)}')

    return write


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    folder = tmp_path / "names"
    (folder / "data").mkdir(parents=True)
    (folder / "experiment.yaml").write_text(DEFINITION)
    for arm, bird in (("old", "Lark"), ("new", "Wren")):
        turns = [
            {"role": "user", "content": "Tell me one."},
            {"role": "assistant", "content": bird},
        ]
        (folder / "data" / f"{arm}.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
    return folder
