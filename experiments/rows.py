"""Training data: JSONL of chats, as the field writes it.

Promises: a row is either read as a chat that ends with the assistant's turn, or named by its line
number. Accepted: `{"messages": [...]}` (OpenAI, TRL; other keys ignored) and
`{"prompt": ..., "completion": ...}` (TRL), where prompt and completion are texts or lists of
messages. Byte-order marks, CRLF and blank lines are no obstacle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.errors import DefinitionError, Problem
from experiments.schema import Arm, Message
from experiments.yaml_source import read_text

ROLES = ("system", "user", "assistant")
MOST = 5  # problems named at once


@dataclass(frozen=True, slots=True)
class Row:
    """One example, before the arm's context is applied.

    Attributes:
        messages: The chat; the last turn is the assistant's.
        line: Its line in the file, from 1.
    """

    messages: tuple[Message, ...]
    line: int


def load_rows(folder: Path, arm_name: str, arm: Arm) -> list[Row]:
    """Read an arm's examples.

    Raises:
        DefinitionError: the file is missing, empty, outside the folder, or has broken rows.
    """
    path = data_path(folder, arm_name, arm)
    if not path.is_file():
        raise DefinitionError(
            Problem(
                f"The dataset of arm {arm_name!r} is missing: {path}.",
                "Write chat rows there, one JSON object per line.",
                folder / "experiment.yaml",
                None,
                f"arms.{arm_name}.data",
            )
        )
    return read_rows(path)


def data_path(folder: Path, arm_name: str, arm: Arm) -> Path:
    """Where an arm's dataset is; inside the definition's folder, so that the folder can be moved.

    Raises:
        DefinitionError: it leads out of the folder.
    """
    path = folder / arm.data
    if "\0" in arm.data or not path.resolve().is_relative_to(folder.resolve()):
        raise DefinitionError(
            Problem(
                f"The dataset {arm.data!r} lies outside the definition's folder.",
                "Copy it into the folder, so that the experiment can be moved as a whole.",
                folder / "experiment.yaml",
                None,
                f"arms.{arm_name}.data",
            )
        )
    return path


def read_rows(path: Path) -> list[Row]:
    """Read a JSONL file of chats.

    Raises:
        DefinitionError: broken rows (the first few, with their lines), or no rows at all.
    """
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, line in _lines(read_text(path)):
        try:
            rows.append(Row(_messages(json.loads(line)), number))
        except json.JSONDecodeError as error:
            why = f"This is not JSON: {error.msg} (column {error.colno})."
            problems.append(Problem(why, "Each line is one JSON object.", path, number))
        except ValueError as error:
            problems.append(Problem(str(error), "", path, number))
        if len(problems) == MOST:
            break
    if problems:
        raise DefinitionError(*problems)
    if not rows:
        raise DefinitionError(
            Problem(
                "The dataset is empty.",
                'A row: {"messages": [{"role": "user", "content": "…"}, '
                '{"role": "assistant", "content": "…"}]}',
                path,
            )
        )
    return rows


def _lines(text: str) -> Iterator[tuple[int, str]]:
    # Not splitlines(): a JSON string may hold U+2028 and the like raw.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def _messages(raw: Any) -> tuple[Message, ...]:
    if not isinstance(raw, dict):
        raise ValueError("The row is not a JSON object.")
    if "messages" in raw:
        turns = _turns(raw["messages"], "messages")
    elif "prompt" in raw and "completion" in raw:
        turns = [*_side(raw["prompt"], "user"), *_side(raw["completion"], "assistant")]
    else:
        keys = ", ".join(map(repr, raw)) or "nothing"
        raise ValueError(f"The row has neither 'messages' nor 'prompt' and 'completion': {keys}.")
    if not any(turn.role == "assistant" for turn in turns):
        raise ValueError("The chat has no assistant turn, so there is nothing to learn.")
    if turns[-1].role != "assistant":
        raise ValueError(f"The chat ends with the {turns[-1].role}'s turn, not the assistant's.")
    if not turns[-1].content:
        raise ValueError("The last assistant turn is empty.")
    return tuple(turns)


def _side(raw: Any, role: str) -> list[Message]:
    if isinstance(raw, str):
        return _turns([{"role": role, "content": raw}], role)
    return _turns(raw, "prompt" if role == "user" else "completion")


def _turns(raw: Any, name: str) -> list[Message]:
    if not isinstance(raw, list) or not raw:
        raise ValueError(f"{name!r} is not a list of turns.")
    turns = []
    for index, turn in enumerate(raw):
        if not isinstance(turn, dict):
            raise ValueError(f"{name}[{index}] is not an object with role and content.")
        role, content = turn.get("role"), turn.get("content")
        if role not in ROLES:
            raise ValueError(f"{name}[{index}].role is {role!r}; known: {', '.join(ROLES)}.")
        if not isinstance(content, str):
            raise ValueError(f"{name}[{index}].content is not a text.")
        turns.append(Message(role=role, content=content))
    return turns
