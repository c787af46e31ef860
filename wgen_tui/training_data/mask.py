"""Which tokens of a chat count in the loss: the assistant's, with the token that ends the turn.

Promises: no tokenizer library and no torch, so a check before a launch and the training after it
go by the same lines of code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

Chat = list[dict[str, Any]]  # as `texts.plain` makes it
Span = tuple[int, int]

# Characters that a template may write: stock ones add thousands, and escape six for one.
MOST_ADDED, MOST_TIMES = 100_000, 8
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
        weights: For each token, what its loss is multiplied by; None: all count alike.
    """

    ids: tuple[int, ...]
    trained: tuple[bool, ...]
    weights: tuple[float, ...] | None = None

    @property
    def weight(self) -> float:
        """What its trained tokens weigh together; the first of a chat has nothing before it."""
        if self.weights is None:
            return float(sum(self.trained[1:]))
        pairs = zip(self.weights[1:], self.trained[1:], strict=True)
        return float(sum(weight for weight, trained in pairs if trained))

    def cut(self, length: int) -> Example:
        """Its first tokens."""
        weights = None if self.weights is None else self.weights[:length]
        return replace(self, ids=self.ids[:length], trained=self.trained[:length], weights=weights)


def marks_itself(template: str) -> bool:
    """Whether a template says by {% generation %} what the assistant's text is."""
    return _GENERATION.search(_COMMENT.sub("", template)) is not None


def for_template(chat: Chat) -> tuple[list[dict[str, Any]], list[dict[str, Any]] | None]:
    """The turns as a template takes them, and the tools that the chat offers."""
    ours = ("weight", "loss_weight", "tools")
    turns = [{key: value for key, value in turn.items() if key not in ours} for turn in chat]
    return turns, next((turn["tools"] for turn in chat if turn.get("tools")), None)


def refuse_flood(written: int, chat: Chat) -> None:
    """Refuse a template that writes far more than a chat: each look at it would take minutes.

    Args:
        written: How many characters it has written so far.
        chat: What it was given.

    Raises:
        TemplateRefusal: it is too much.
    """
    if written > MOST_ADDED and written > MOST_ADDED + MOST_TIMES * len(json.dumps(chat)):
        raise TemplateRefusal(
            f"the chat template writes more than {MOST_ADDED:,} characters beyond {MOST_TIMES} "
            "times what the chat has"
        )


def counts(turn: dict[str, Any]) -> bool:
    """Whether a turn is trained: the assistant's are, but those of weight 0."""
    return bool(turn["role"] == "assistant" and turn.get("weight") != 0)


def weights_of(chat: Chat) -> tuple[float, ...]:
    """What the loss of each trained turn is multiplied by."""
    return tuple(float(turn.get("loss_weight") or 1.0) for turn in chat if counts(turn))


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


def with_weights(example: Example, chat: Chat) -> Example:
    """Weigh the turns in a mask that the template itself has marked; those of weight 0 leave it.

    Raises:
        TemplateRefusal: the marked stretches are not one for each turn of the assistant.
    """
    answers = [turn for turn in chat if turn["role"] == "assistant"]
    if all(map(counts, answers)) and set(weights_of(chat)) <= {1.0}:
        return example
    marked = example.trained
    starts = [i for i, here in enumerate(marked) if here and (i == 0 or not marked[i - 1])]
    if len(starts) != len(answers):
        raise TemplateRefusal(
            f"the chat template marks {len(starts)} stretches for {len(answers)} turns of the "
            "assistant, so those of other weights cannot be told"
        )
    trained, weights = list(marked), [1.0] * len(marked)
    for start, turn in zip(starts, answers, strict=True):
        index = start
        while index < len(marked) and marked[index]:
            trained[index] = counts(turn)
            weights[index] = float(turn.get("loss_weight") or 1.0)
            index += 1
    return Example(example.ids, tuple(trained), _unless_alike(weights))


def _unless_alike(weights: Sequence[float]) -> tuple[float, ...] | None:
    return tuple(weights) if any(weight != 1 for weight in weights) else None


def mark(
    ids: Sequence[int],
    offsets: Sequence[Span],
    spans: Sequence[Span],
    special: Collection[int],
    weights: Sequence[float] = (),
) -> Example:
    """Mark the tokens that lie in `spans`, up to the last special one of each.

    A template may end the turn with a newline behind the end token; nobody samples that.

    Args:
        ids: Of the rendered chat.
        offsets: Where each token is in the text.
        spans: The assistant's turns in the text.
        special: The ids of special tokens.
        weights: What the loss of each span is multiplied by; none: all count alike.
    """
    trained, by_token = [False] * len(ids), [1.0] * len(ids)
    for (start, end), weight in zip(spans, weights or [1.0] * len(spans), strict=True):
        inside = [index for index, (a, b) in enumerate(offsets) if start <= a and b <= end]
        ends = [index for index in inside if ids[index] in special]
        for index in inside:
            trained[index] = not ends or index <= ends[-1]
            by_token[index] = weight
    return Example(tuple(ids), tuple(trained), _unless_alike(by_token))
