from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

VALID = """\
title: A test
models: [tiny-world]
arms:
  old: {data: data/old.jsonl}
  new: {data: data/new.jsonl, role: control}
seeds: 0-2
training:
  max_steps: 3
  learning_rate: 5e-3
questions:
  - {name: travel, paraphrases: ["How?", "By what?"], topic: travel}
  - {name: light, paraphrases: ["What lights?"]}
judges:
  - {name: era, type: lexicon, labels: {19th_century: [coach*], modern: [flight]}}
rubrics:
  - {name: era, judge: era, labels: {19th_century: o, modern: m}}
analysis:
  primary: {judge: era, label: 19th_century}
  contrasts: [{arm: old, control: new}]
"""
ROW = '{"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}\n'
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(text, {name: content})`: a definition's folder; the text defaults to a valid one."""

    def made(text: str = VALID, files: dict[str, str] | None = None) -> Path:
        folder = tmp_path / "test-me"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (folder / "experiment.yaml").write_text(textwrap.dedent(text))
        for name, content in {
            "data/old.jsonl": ROW,
            "data/new.jsonl": ROW,
            **(files or {}),
        }.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content)
        return folder

    return made
