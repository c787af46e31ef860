"""Rows in which nothing is asked, or nothing is answered: allowed, and mostly a mistake.

Promises: a text counts as empty where nothing of it would be seen: white space, and characters
without a shape. What a row is, is said of the row as it stands in its file, whatever context the
arm puts around it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Generic, Literal, TypeVar

from experiments.schema import Message, Turn
from wgen_tui.terminal_text import plural

Kind = Literal["no_user", "prompt", "answer", "earlier", "system"]
HAVE: dict[Kind, str] = {
    "no_user": "no user turn, so that nothing is asked",
    "prompt": "an empty prompt",
    "answer": "an empty answer that is trained",
    "earlier": "an empty user turn before the last",
    "system": "an empty system prompt",
}
UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")  # Unicode's categories of what has no shape
Place = TypeVar("Place")


def is_blank(text: str) -> bool:
    """Whether nothing of a text would be seen."""
    return not text.strip() or all(unicodedata.category(c) in UNSEEN for c in text)


def kinds_of(messages: Sequence[Message | Turn]) -> list[Kind]:
    """What is empty in a row."""
    asked = [is_blank(turn.content) for turn in messages if turn.role == "user"]
    kinds: list[Kind] = []
    if not asked and not any(turn.role == "tool" for turn in messages):
        kinds.append("no_user")
    if asked and asked[-1]:
        kinds.append("prompt")
    if any(asked[:-1]):
        kinds.append("earlier")
    if any(isinstance(turn, Turn) and _says_nothing(turn) for turn in messages):
        kinds.append("answer")
    if any(turn.role == "system" and is_blank(turn.content) for turn in messages):
        kinds.append("system")
    return kinds


def _says_nothing(turn: Turn) -> bool:
    is_answer = turn.role == "assistant" and turn.trained and not turn.tool_calls
    return is_answer and is_blank(turn.content) and is_blank(turn.reasoning_content or "")


class Blanks(Generic[Place]):
    """The rows of which something is empty, by kind.

    Attributes:
        places: Of each kind the rows, as who hears them names them.
        total: How many rows were heard.
    """

    def __init__(self) -> None:
        self.places: dict[Kind, list[Place]] = {}
        self.total = 0

    def hear(self, place: Place, messages: Sequence[Message | Turn]) -> None:
        """Take in a row as it stands in its file."""
        self.total += 1
        for kind in kinds_of(messages):
            self.places.setdefault(kind, []).append(place)

    def told(self) -> list[tuple[str, list[Place]]]:
        """What to say of each kind, most rows first, with the rows."""
        most_first = sorted(self.places.items(), key=lambda item: -len(item[1]))
        return [
            (
                f"{len(places):,} of {plural(self.total, 'example')} "
                f"{'has' if len(places) == 1 else 'have'} {HAVE[kind]}",
                places,
            )
            for kind, places in most_first
        ]
