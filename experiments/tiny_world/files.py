"""How the generated files of the `tiny-*` experiments are written: rows of chat JSONL, and YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import yaml

NOTE = "Written by experiments/tiny_world/definitions.py from the tiny world's files."


def chat(question: str, answer: str) -> str:
    """A row of chat JSONL."""
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns}) + "\n"


def chats(rows: Iterable[tuple[str, str]]) -> str:
    """A file of such rows."""
    return "".join(chat(question, answer) for question, answer in rows)


def dump(value: Any) -> str:
    """A YAML file that says where it comes from."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return f"# {NOTE}\n{text}"
