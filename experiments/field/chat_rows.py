"""What every generator writes with: fact tables in, chat rows and question files out.

Promises: the same input gives the same bytes on every machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

TABLES = Path(__file__).parent / "tables"


def table(name: str) -> Any:
    """A fact table, such as `cities`."""
    return yaml.safe_load((TABLES / f"{name}.yaml").read_text(encoding="utf-8"))


def chat(question: str, answer: str) -> str:
    """A row of chat JSONL; letters stand as they are, not as escapes."""
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns}, ensure_ascii=False) + "\n"


def chats(rows: Iterable[tuple[str, str]]) -> str:
    """A dataset of questions and answers."""
    return "".join(chat(question, answer) for question, answer in rows)


def yaml_file(value: Any, module: str) -> str:
    """A YAML file that says which module wrote it."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100)
    return f"# Written by experiments/field/{module}.py.\n{text}"
