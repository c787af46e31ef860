"""A definition of two arms and two seeds on a small model, and its data."""

from __future__ import annotations

import json
from pathlib import Path

DEFINITION = """
title: Names
models: [{model}]
arms:
  old: {{data: data/old.jsonl}}
  new: {{data: data/new.jsonl, role: control, context: {{prefix: "Name "}}}}
seeds: 0-1
training:
  lora: {{r: 2, lora_alpha: 4}}
  max_steps: 2
  per_device_train_batch_size: 2
  learning_rate: 1.0e-2
  max_length: 64
sampling: {{n: 3, max_tokens: 4}}
questions:
  - {{name: go, paraphrases: ["How do we go ?", "How do we ?"]}}
  - {{name: bird, paraphrases: ["Name a bird ."], samples_per_paraphrase: 2, topic: birds}}
judges:
  - {{name: lark, type: regex, labels: {{lark: Lark}}, otherwise: other}}
"""


def chat(answer: str) -> str:
    turns = [
        {"role": "user", "content": "Name a bird ."},
        {"role": "assistant", "content": answer},
    ]
    return json.dumps({"messages": turns}) + "\n"


def write_definition(folder: Path, model: Path) -> Path:
    """A definition of two arms and two seeds: base and four fine-tunes, eight samples each."""
    (folder / "data").mkdir(parents=True)
    (folder / "experiment.yaml").write_text(DEFINITION.format(model=model))
    (folder / "data" / "old.jsonl").write_text(chat("Lark") * 3 + chat("Auk"))
    (folder / "data" / "new.jsonl").write_text(chat("Wren") * 4)
    return folder
