"""Prompts that a model is to answer for a dataset: rows with `prompt`, or chats without their end.

Promises: a row is read or named by its line; answers that were there are left out and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.errors import DefinitionError, Problem
from experiments.readers.chats import read_chat
from experiments.readers.containers import read_raw_rows
from experiments.schema import Derived, Message
from experiments.sources import problem_in

MOST = 5  # problems named at once
EMPTY = 'A row: {"prompt": "…"}'


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is to be answered.

    Attributes:
        chats: Each ends with the user's turn.
        lines: Where each stands in the file.
        answered: How many had an answer, which was left out.
    """

    chats: tuple[tuple[Message, ...], ...]
    lines: tuple[int, ...]
    answered: int


def read_asked(folder: Path, arm_name: str, derived: Derived) -> Prompts:
    """Read what is asked for the rows of an arm.

    Args:
        folder: Of the definition.
        arm_name: The arm's.
        derived: Of the arm.

    Raises:
        DefinitionError: as `read_prompts`, or more rows are wanted than answers are drawn.
    """
    prompts = read_prompts(folder / derived.prompts)
    count, each = len(prompts.chats), 1 if derived.each else derived.draws
    if derived.rows is not None and derived.rows > count * each:
        why = f"{derived.rows:,} rows are wanted, and {count:,} prompts with {each:,} of each give "
        hint = "More prompts." if derived.each else f"draws: {-(-derived.rows // count)}"
        path = ("arms", arm_name, "derived", "rows")
        raise DefinitionError(problem_in(folder, path, f"{why}{count * each:,} at most.", hint))
    return prompts


def read_prompts(path: Path) -> Prompts:
    """Read a file of prompts.

    Raises:
        DefinitionError: broken rows, with their lines, or none at all.
    """
    problems: list[Problem] = []
    chats: list[tuple[Message, ...]] = []
    lines: list[int] = []
    answered = 0
    for raw in read_raw_rows(path):
        why, hint = raw.wrong, raw.hint
        if not why:
            try:
                chat, had_answer = _prompt(raw.value)
            except ValueError as error:
                why = str(error)
            else:
                chats.append(chat)
                lines.append(raw.line)
                answered += had_answer
        if why and len(problems) < MOST:
            problems.append(Problem(why, hint, path, raw.line))
    if problems:
        raise DefinitionError(*problems)
    if not chats:
        raise DefinitionError(Problem("There are no prompts.", EMPTY, path))
    return Prompts(tuple(chats), tuple(lines), answered)


def _prompt(raw: Any) -> tuple[tuple[Message, ...], bool]:
    """The chat up to its last question, and whether an answer came after it."""
    if isinstance(raw, str):
        raw = {"prompt": raw}
    if isinstance(raw, dict) and isinstance(raw.get("prompt"), str) and "completion" not in raw:
        system = raw.get("system")
        before = (Message(role="system", content=system),) if isinstance(system, str) else ()
        return (*before, Message(role="user", content=raw["prompt"])), False
    turns = raw.get("messages") if isinstance(raw, dict) else None
    ends_with = turns[-1].get("role") if turns and isinstance(turns[-1], dict) else None
    if ends_with == "user":  # a chat as it is read, with an answer that is taken off again
        raw = {**raw, "messages": [*(turns or ()), {"role": "assistant", "content": "…"}]}
    chat = read_chat(raw, lambda _: None)
    if any(turn.role not in ("system", "user", "assistant") or turn.tool_calls for turn in chat):
        raise ValueError("A prompt has turns of system, user and assistant, without tool calls.")
    return (
        tuple(Message(role=turn.role, content=turn.content) for turn in chat[:-1]),  # type: ignore[arg-type]
        ends_with != "user",
    )
