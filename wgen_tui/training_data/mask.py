"""Which tokens of a chat count in the loss: the assistant's, with the token that ends the turn.

Promises: no tokenizer library and no torch, so a check before a launch and the training after it
go by the same lines of code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Chat = list[dict[str, Any]]  # as `texts.plain` makes it
Span = tuple[int, int]

# What a template's own code may raise, beside jinja's errors: it adds a text to an object, say.
TEMPLATE_FAILS = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
_GENERATION = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)


class Render(Protocol):
    """Puts a chat through a template.

    `prompt` opens the assistant's turn at the end, and `thinking` leaves it to think.
    """

    def __call__(self, chat: Chat, *, prompt: bool = False, thinking: bool = False) -> str: ...


class TemplateRefusal(Exception):
    """The chat template does not take a chat, or not so that it could be trained on.

    The first argument says why, in a sentence without its full stop.
    """


@dataclass(frozen=True)
class Example:
    """One tokenised chat.

    Attributes:
        ids: Token ids.
        trained: For each token, whether it counts in the loss.
    """

    ids: tuple[int, ...]
    trained: tuple[bool, ...]


def marks_itself(template: str) -> bool:
    """Whether a template says by {% generation %} what the assistant's text is."""
    return _GENERATION.search(_COMMENT.sub("", template)) is not None


def for_template(chat: Chat) -> tuple[list[dict[str, Any]], list[dict[str, Any]] | None]:
    """The turns as a template takes them, and the tools that the chat offers."""
    ours = ("weight", "tools")
    turns = [{key: value for key, value in turn.items() if key not in ours} for turn in chat]
    return turns, next((turn["tools"] for turn in chat if turn.get("tools")), None)


def counts(turn: dict[str, Any]) -> bool:
    """Whether a turn is trained: the assistant's are, but those of weight 0."""
    return bool(turn["role"] == "assistant" and turn.get("weight") != 0)


def shared_length(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def without_weightless(example: Example, chat: Chat) -> Example:
    """Take the turns of weight 0 out of a mask that the template itself has marked.

    Raises:
        TemplateRefusal: the marked stretches are not one for each turn of the assistant.
    """
    answers = [turn for turn in chat if turn["role"] == "assistant"]
    if all(map(counts, answers)):
        return example
    marked = example.trained
    starts = [i for i, here in enumerate(marked) if here and (i == 0 or not marked[i - 1])]
    if len(starts) != len(answers):
        raise TemplateRefusal(
            f"the chat template marks {len(starts)} stretches for {len(answers)} turns of the "
            "assistant, so those of weight 0 cannot be told"
        )
    trained = list(marked)
    for start, turn in zip(starts, answers, strict=True):
        index = start
        while not counts(turn) and index < len(marked) and marked[index]:
            trained[index] = False
            index += 1
    return Example(example.ids, tuple(trained))


def mark(
    ids: Sequence[int],
    offsets: Sequence[Span],
    spans: Sequence[Span],
    special: Collection[int],
) -> Example:
    """Mark the tokens that lie in `spans`, up to the last special one of each.

    A template may end the turn with a newline behind the end token; nobody samples that.

    Args:
        ids: Of the rendered chat.
        offsets: Where each token is in the text.
        spans: The assistant's turns in the text.
        special: The ids of special tokens.
    """
    trained = [False] * len(ids)
    for start, end in spans:
        inside = [index for index, (a, b) in enumerate(offsets) if start <= a and b <= end]
        ends = [index for index in inside if ids[index] in special]
        for index in inside:
            trained[index] = not ends or index <= ends[-1]
    return Example(tuple(ids), tuple(trained))
