"""Rows that are shown before a prompt as earlier turns: which ones, and how they stand there.

Promises: which rows and in which order follows from the seed and the number of rows alone, and of
one seed fewer rows are the first of more, so that numbers of rows are nested; the prompt's own
turns come last and are not changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from heapq import nsmallest
from pathlib import Path
from typing import get_args

from experiments.errors import DefinitionError
from experiments.schema import Arm, Message, Turn
from experiments.sources import problem_in

Chat = tuple[Message, ...]


def shown_places(count: int, wanted: int, seed: int) -> list[int]:
    """Places of the rows that a seed shows, in the order in which they are shown."""

    def turn(place: int) -> bytes:
        return blake2b(f"in_context:{seed}:{place}".encode(), digest_size=8).digest()

    return nsmallest(wanted, range(count), key=turn)


def refuse_too_few(folder: Path, arm_name: str, arm: Arm, count: int) -> None:
    """Refuse an arm that shows more rows than it has.

    Raises:
        DefinitionError: it does.
    """
    if arm.in_context is None or arm.in_context.rows <= count:
        return
    rows = "row" if count == 1 else "rows"
    why = f"{arm.in_context.rows:,} rows are to be shown, and the arm's data has {count:,} {rows}."
    path = ("arms", arm_name, "in_context", "rows")
    raise DefinitionError(problem_in(folder, path, why, f"rows: {count}, or more data."))


def why_not_shown(rows: Sequence[tuple[Turn, ...]]) -> str:
    """Which rows cannot stand before a prompt as one chat; empty where all can."""
    if any(_more_than_text(turn) for row in rows for turn in row):
        return "rows with tools, thoughts or other roles than system, user and assistant"
    if len({_system(row) for row in rows}) > 1:
        return "rows with several system prompts (a chat has one)"
    return ""


def behind_rows(rows: Sequence[Sequence[Message]], prompt: Sequence[Message]) -> Chat:
    """A prompt behind the rows that are shown before it.

    The rows' system prompt stands first, unless the prompt brings its own.
    """
    if not rows:
        return tuple(prompt)
    own = [turn for turn in prompt if turn.role == "system"]
    first = own or [turn for turn in rows[0] if turn.role == "system"]
    said = [turn for row in (*rows, prompt) for turn in row if turn.role != "system"]
    # As plain messages: the weight of a turn in training means nothing here.
    return tuple(Message(role=turn.role, content=turn.content) for turn in (*first, *said))


def _more_than_text(turn: Turn) -> bool:
    more = (turn.tools, turn.tool_calls, turn.reasoning_content, turn.thinking)
    return turn.role not in get_args(Message.model_fields["role"].annotation) or any(more)


def _system(row: Sequence[Message]) -> str | None:
    return next((turn.content for turn in row if turn.role == "system"), None)
