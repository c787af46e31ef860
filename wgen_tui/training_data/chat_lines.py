"""A chat as a line of a run's data.jsonl, and back.

Promises: a plain chat is written as it always was, so that the data of old definitions keep their
hash; the tools that a chat offers stand beside its messages, as TRL and OpenAI have them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from experiments.schema import Turn


def write_chat(turns: Sequence[Turn]) -> str:
    """The line of a chat, without the line's end."""
    messages = [turn.model_dump() for turn in turns]
    tools = [turn.pop("tools", None) for turn in messages]
    row: dict[str, Any] = {"messages": messages}
    if offered := next((item for item in tools if item), None):
        row["tools"] = offered
    return json.dumps(row, ensure_ascii=False)


def read_chat(line: str) -> tuple[Turn, ...]:
    """The chat of a line.

    Raises:
        ValueError: it is no line that `write_chat` wrote.
    """
    row = json.loads(line)
    turns = [Turn.model_validate(turn) for turn in row["messages"]]
    if row.get("tools"):
        turns[0] = turns[0].model_copy(update={"tools": tuple(row["tools"])})
    return tuple(turns)
