"""What a chat template leaves out of the text, found by changing it and rendering again.

Promises: text that is said and not rendered (a system prompt, a user's turn, an answer, what a tool
gives, a call), or in other words than it is said (without its beginning), blocks, since the run
would not be the experiment that the definition describes; what is told beside the text (reasoning,
names, tools on offer), and text in capitals, is named with its count. Chats of one shape are tried
once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wgen_tui.terminal_text import plural
from wgen_tui.training_data.mask import Chat, Render, TemplateRefusal
from wgen_tui.training_data.problems import Problem, named, quoted
from wgen_tui.training_data.texts import Numbered, plain

NAMES = {
    "system": "the system prompt",
    "developer": "the developer's turn",
    "user": "what the user says",
    "assistant": "what the assistant says",
    "tool": "what the tool answers",
    "function": "what the function answers",
    "tool_calls": "the tool calls",
    "tools": "the tools on offer (`tools`)",
    "reasoning_content": "the reasoning (`reasoning_content`)",
    "thinking": "the reasoning (`thinking`)",
    "thoughts": "the thoughts before </think>",
    "name": "the speaker's name (`name`)",
}
BESIDE = ("tools", "thoughts", "reasoning_content", "thinking", "name", "tool_call_id")  # the text
PLAIN_ROLES = ("system", "developer", "user", "assistant")  # what a tool gives may be put in JSON
THOUGHT_ENDS = "</think>"
OTHER = " Otherwise."
SHOWN = 200  # characters of a text that are kept to be shown; a message has fewer
TOOL = {"type": "function", "function": {"name": "otherwise", "description": "", "parameters": {}}}


How = Literal["dropped", "otherwise", "letters"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Something of a chat that does not reach the text.

    Attributes:
        number: The chat's, as the caller gave it.
        what: A role, or a key of a turn.
        text: Its beginning.
        how: "otherwise": it reaches the text in other words; "letters": with other letters alone.
    """

    number: int
    what: str
    text: str
    how: How = "dropped"


def find_dropped(render: Render, chats: Iterable[Numbered]) -> list[Dropped]:
    """What of the chats is in no text.

    Args:
        render: A chat template that takes these chats.
        chats: Each with a number of the caller's.
    """
    finder = DropFinder(render)
    for number, messages in chats:
        finder.add(number, plain(messages))
    return finder.dropped


class DropFinder:
    """The same, chat by chat.

    Attributes:
        dropped: What was found.
    """

    def __init__(self, render: Render) -> None:
        """Take a chat template that takes the chats."""
        self.dropped: list[Dropped] = []
        self._render = render
        self._told: dict[tuple[Any, ...], list[tuple[str, int, How]]] = {}

    def add(self, number: int, chat: Chat) -> None:
        """Take in one chat."""
        shape = tuple(map(shape_of, chat))
        if shape not in self._told:
            dropped = _drops(self._render, chat)
            self._told[shape] = [(what, index, "dropped") for what, index in dropped.items()]
            self._told[shape] += _alters(self._render, chat, dropped)
        for what, index, how in self._told[shape]:
            text = _text(chat[index], what)[:SHOWN]
            self.dropped.append(Dropped(number, what, text, how))


def dropped_problems(
    dropped: Sequence[Dropped], total: int, noun: str = "example"
) -> list[Problem]:
    """The problems of `find_dropped`'s findings, one for each kind of text.

    Args:
        dropped: What that found.
        total: Of how many chats.
        noun: "example", whose numbers are lines, or "prompt".
    """
    problems = []
    for what, how in dict.fromkeys((item.what, item.how) for item in dropped):
        here = [item for item in dropped if (item.what, item.how) == (what, how)]
        lines = tuple(item.number for item in here) if noun == "example" else ()
        where = f" ({named(lines)})" if lines else ""
        count = f"{len(here)} of {plural(total, noun)}"
        if how != "dropped":
            words = "letters" if how == "letters" else "words"
            problems.append(
                Problem(
                    kind="altered_text",
                    blocking=how == "otherwise",
                    lines=lines,
                    what=f"the chat template writes {NAMES[what]} in other {words}, in "
                    f"{count}{where}: {quoted(here[0].text)} is not in the text as it is said",
                    fix="Give a chat_template in experiment.yaml that writes it as it is.",
                )
            )
            continue
        problems.append(
            Problem(
                kind="dropped_system" if what == "system" else "dropped_text",
                blocking=what not in BESIDE,
                lines=lines,
                what=f"the chat template drops {NAMES.get(what, what)} of {count}{where}: "
                f"{quoted(here[0].text)} is nowhere in the text",
                fix=_fix(what),
            )
        )
    return problems


def _fix(what: str) -> str:
    if what == "system":
        return (
            "Give a chat_template in experiment.yaml that writes system turns, or move the text "
            "into the user's turn: prefix instead of system."
        )
    return "Give a chat_template in experiment.yaml that writes it, or take it out of the data."


def shape_of(turn: dict[str, Any]) -> tuple[Any, ...]:
    """What decides whether a template writes a turn; what a system turn says may be part of it."""
    beside = tuple(key for key in turn if key not in ("role", "content"))
    said = turn["content"] if turn["role"] == "system" else bool(turn["content"].strip())
    return turn["role"], said, THOUGHT_ENDS in turn["content"], beside


def _drops(render: Render, chat: Chat) -> dict[str, int]:
    """Roles and keys whose change makes no difference to the text, with the first such turn."""
    text = render(chat)
    dropped: dict[str, int] = {}
    for index, what, changed in _changes(chat):
        try:
            if render([*chat[:index], changed, *chat[index + 1 :]]) == text:
                dropped.setdefault(what, index)
        except TemplateRefusal:  # it looks at the text, so it does not drop it
            continue
    return dropped


def _alters(render: Render, chat: Chat, dropped: Collection[str]) -> Iterator[tuple[str, int, How]]:
    """Roles whose words are not in the text as they are said, with the first such turn.

    White space aside, which templates trim; and thoughts, which they take out of earlier turns.
    """
    text = " ".join(render(chat).split())
    told = {*dropped}
    for index, turn in enumerate(chat):
        role, words = turn["role"], " ".join(turn["content"].split())
        spoken = role in PLAIN_ROLES and role not in told and not turn.get("tool_calls")
        if spoken and THOUGHT_ENDS not in words and words not in text:
            told.add(role)
            yield role, index, "letters" if words.casefold() in text.casefold() else "otherwise"


def _changes(chat: Chat) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Each part of each turn said otherwise: the turn, the part, the changed turn."""
    for index, turn in enumerate(chat):
        if turn["content"].strip():
            yield index, turn["role"], {**turn, "content": turn["content"].rstrip() + OTHER}
        if turn["role"] == "assistant" and THOUGHT_ENDS in turn["content"]:
            thought = turn["content"].replace(THOUGHT_ENDS, OTHER + THOUGHT_ENDS, 1)
            yield index, "thoughts", {**turn, "content": thought}
        if turn.get("tool_calls"):
            calls = [_other_call(turn), *turn["tool_calls"]]
            yield index, "tool_calls", {**turn, "tool_calls": calls}
        if turn.get("tools"):
            yield index, "tools", {**turn, "tools": [*turn["tools"], TOOL]}
        for key in ("reasoning_content", "thinking", "name"):
            if turn.get(key):
                yield index, key, {**turn, key: turn[key] + OTHER}


def _other_call(turn: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = dict(turn["tool_calls"][0])
    if isinstance(first.get("function"), dict):
        return {**first, "function": {**first["function"], "name": "otherwise"}}
    return {**first, "name": "otherwise"}


def _text(turn: dict[str, Any], what: str) -> str:
    if what == "thoughts":
        return str(turn["content"]).partition(THOUGHT_ENDS)[0]
    if what in turn and what != "role":
        return turn[what] if isinstance(turn[what], str) else json.dumps(turn[what])
    return str(turn["content"])
