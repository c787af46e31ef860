"""Turns that a chat template writes as one, found by marking where the words of each end and begin.

Promises: two turns between whose words the text has nothing but white space are named, with what
became of them; chats of one shape are tried once. Nothing is lost by it, so it does not block: but
a system prompt inside the user's turn is another condition than one before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from wgen_tui.terminal_text import plural
from wgen_tui.training_data.dropped import NAMES, shape_of
from wgen_tui.training_data.mask import Chat, Render, TemplateRefusal
from wgen_tui.training_data.problems import Problem, named
from wgen_tui.training_data.spans import CLOSE, OPEN
from wgen_tui.training_data.texts import Numbered, plain

INTO = {"user": "the user's turn", "assistant": "the assistant's turn"}


@dataclass(frozen=True, slots=True)
class Merged:
    """Two turns of a chat that are written as one.

    Attributes:
        number: The chat's, as the caller gave it.
        roles: Of the one and of that which follows.
    """

    number: int
    roles: tuple[str, str]


def find_merged(render: Render, chats: Iterable[Numbered]) -> list[Merged]:
    """Which turns of the chats are written as one.

    Args:
        render: A chat template that takes these chats.
        chats: Each with a number of the caller's.
    """
    finder = MergeFinder(render)
    for number, messages in chats:
        finder.add(number, plain(messages))
    return finder.merged


class MergeFinder:
    """The same, chat by chat.

    Attributes:
        merged: What was found.
    """

    def __init__(self, render: Render) -> None:
        """Take a chat template that takes the chats."""
        self.merged: list[Merged] = []
        self._render = render
        self._told: dict[tuple[Any, ...], set[tuple[str, str]]] = {}

    def add(self, number: int, chat: Chat) -> None:
        """Take in one chat."""
        shape = tuple(map(shape_of, chat))
        if shape not in self._told:
            self._told[shape] = _merges(self._render, chat)
        self.merged += [Merged(number, roles) for roles in sorted(self._told[shape])]


def merged_problems(merged: Sequence[Merged], total: int, noun: str = "example") -> list[Problem]:
    """The problems of `find_merged`'s findings, one for each pair of roles.

    Args:
        merged: What that found.
        total: Of how many chats.
        noun: "example", whose numbers are lines, or "prompt".
    """
    problems = []
    for roles in dict.fromkeys(item.roles for item in merged):
        here = [item.number for item in merged if item.roles == roles]
        where = f" ({named(here)})" if noun == "example" else ""
        first, second = roles
        into = INTO.get(second, f"the {second} turn")
        problems.append(
            Problem(
                kind="merged_turns",
                blocking=False,
                lines=tuple(here) if noun == "example" else (),
                what=f"the chat template writes {NAMES.get(first, first)} into {into} that "
                f"follows, in {len(here)} of {plural(total, noun)}{where}",
            )
        )
    return problems


def _merges(render: Render, chat: Chat) -> set[tuple[str, str]]:
    """The roles of turns between whose words there is nothing but white space."""
    return {
        (one["role"], other["role"])
        for place, (one, other) in enumerate(pairwise(chat))
        if one["content"].strip() and other["content"].strip() and _is_merged(render, chat, place)
    }


def _is_merged(render: Render, chat: Chat, place: int) -> bool:
    one, other = chat[place : place + 2]
    end = len(one["content"].rstrip())
    begin = len(other["content"]) - len(other["content"].lstrip())
    marked = [
        {**one, "content": one["content"][:end] + CLOSE + one["content"][end:]},
        {**other, "content": other["content"][:begin] + OPEN + other["content"][begin:]},
    ]
    try:
        text = render([*chat[:place], *marked, *chat[place + 2 :]])
        same = text.replace(CLOSE, "").replace(OPEN, "") == render(chat)
    except TemplateRefusal:  # it looks at the words
        return False
    if not same or text.count(CLOSE) != 1 or text.count(OPEN) != 1:
        return False
    _, _, behind = text.partition(CLOSE)
    between, mark, _ = behind.partition(OPEN)
    return bool(mark) and not between.strip()
