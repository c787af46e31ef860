"""The checks that need a tokenizer, whichever library it comes from.

Promises: the plan (without transformers) and the worker (with it) run these lines; they differ in
their `Encoder` only, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from experiments.prompts import Prompt
from experiments.schema import TrainingConfig
from wgen_tui.terminal_text import plural
from wgen_tui.training_data import context_length, vocabulary
from wgen_tui.training_data.context_length import ContextLength
from wgen_tui.training_data.dropped import DropFinder, Dropped, dropped_problems, find_dropped
from wgen_tui.training_data.mask import Chat, Example, TemplateRefusal, counts
from wgen_tui.training_data.merged import Merged, MergeFinder, find_merged, merged_problems
from wgen_tui.training_data.problems import (
    EncodedExample,
    Problem,
    encode_example,
    encoding_problems,
)
from wgen_tui.training_data.seam import Seam, seam_of, seam_problems
from wgen_tui.training_data.spans import MERGED, REWRITES
from wgen_tui.training_data.texts import Numbered, plain, trained_chat
from wgen_tui.training_data.weights import weight_problems


class Encoder(Protocol):
    """A tokenizer with its chat template."""

    @property
    def special(self) -> Collection[int]:
        """The ids of special tokens."""

    @property
    def stops(self) -> Mapping[int, str] | None:
        """The tokens at which sampling stops and their texts; None: not known."""

    @property
    def vocabulary(self) -> int | None:
        """For how many tokens the model has embeddings; None: not known."""

    def render(self, chat: Chat, *, prompt: bool = False, thinking: bool = False) -> str:
        """A chat as text; raises TemplateRefusal."""

    def encode(self, chat: Chat) -> Example:
        """A chat as tokens, the trained ones marked; raises TemplateRefusal."""

    def tokenize(self, text: str) -> Sequence[int]:
        """A text to ids, without special tokens of the tokenizer's own."""

    def is_space(self, token: int) -> bool:
        """Whether a token is nothing but white space."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What an arm's rows became.

    Attributes:
        examples: Of each row, in order.
        dropped: What the template leaves out of them.
        merged: Which of their turns it writes as one.
    """

    examples: list[EncodedExample]
    dropped: list[Dropped]
    merged: list[Merged]


def examine(
    encoder: Encoder,
    rows: Iterable[Numbered],
    training: TrainingConfig,
    progress: Callable[[int], None] | None = None,
    *,
    keep: bool = True,
) -> Examined:
    """Encode every row and apply the policy for long ones.

    Args:
        encoder: The tokenizer.
        rows: Taken one by one; none is kept.
        training: Gives the policy.
        progress: Hears how many are done.
        keep: Whether the tokens are kept; without them what is left of a row is its numbers.
    """
    encoded: list[EncodedExample] = []
    drops, merges = DropFinder(encoder.render), MergeFinder(encoder.render)
    for done, (line, messages) in enumerate(rows, start=1):
        chat = trained_chat(messages, training)
        item = _encoded(encoder, line, chat, training)
        item = replace(item, earlier=sum(map(counts, plain(messages))) - sum(map(counts, chat)))
        encoded.append(item if keep else replace(item, example=None))
        if item.why in ("", REWRITES, MERGED):
            drops.add(line, chat)
            merges.add(line, chat)
        if progress is not None:
            progress(done)
    return Examined(encoded, drops.dropped, merges.merged)


def _encoded(encoder: Encoder, line: int, chat: Chat, training: TrainingConfig) -> EncodedExample:
    try:
        example = encoder.encode(chat)
    except TemplateRefusal as error:
        return EncodedExample(line, 0, "whole", None, why=str(error.args[0]))
    item = encode_example(line, example, training, encoder.special, encoder.is_space)
    seam = seam_of(encoder.render, encoder.tokenize, chat, example)
    if seam == Seam():
        return item
    return replace(item, **asdict(seam))


def row_problems(
    encoder: Encoder,
    examined: Examined,
    training: TrainingConfig,
    context: ContextLength | None = None,
    *,
    whole: bool = True,
) -> list[Problem]:
    """What is wrong with the rows at which `examine` looked.

    Args:
        encoder: The tokenizer.
        examined: The rows.
        training: Gives the policies.
        context: How long a text the model was made for; None: not known.
        whole: Whether these are all rows. If not, what blocks only where all rows have it is said
            and does not block.
    """
    encoded = examined.examples
    return [
        *dropped_problems(examined.dropped, len(encoded)),
        *merged_problems(examined.merged, len(encoded)),
        *seam_problems(encoded),
        *vocabulary.of_examples(encoded, encoder.vocabulary),
        *encoding_problems(encoded, training, encoder.stops, whole=whole),
        *weight_problems(encoded),
        *context_length.of_examples(encoded, context),
    ]


def prompt_problems(
    encoder: Encoder,
    prompts: Sequence[Prompt],
    max_tokens: int = 1,
    context: ContextLength | None = None,
) -> list[Problem]:
    """What is wrong with the questions in their variants once they are text.

    Args:
        encoder: The tokenizer.
        prompts: The questions in their variants.
        max_tokens: How long an answer may get whose question does not say it.
        context: How long a text the model was made for; None: not known.
    """
    taken: list[Numbered] = []
    refused: dict[str, list[str]] = {}
    highest: list[tuple[str, int]] = []
    lengths: list[tuple[str, int, int]] = []
    for number, prompt in enumerate(prompts):
        name = f"{prompt.question}/{prompt.variant}"
        try:
            text = encoder.render(plain(prompt.messages), prompt=True)
        except TemplateRefusal as error:
            refused.setdefault(str(error.args[0]), []).append(name)
        else:
            taken.append((number, prompt.messages))
            if encoder.vocabulary is not None or context is not None:
                ids = encoder.tokenize(text)
                highest.append((name, max(ids, default=-1)))
                lengths.append((name, len(ids), prompt.max_tokens or max_tokens))
    problems = [
        Problem(
            kind="template",
            blocking=True,
            what=f"{reason} ({len(names)} of {plural(len(prompts), 'prompt')}, {names[0]} first)",
            fix="Give a chat_template in experiment.yaml that takes these turns, or change the "
            "question or its variant.",
        )
        for reason, names in refused.items()
    ]
    problems += [
        *dropped_problems(find_dropped(encoder.render, taken), len(prompts), "prompt"),
        *merged_problems(find_merged(encoder.render, taken), len(prompts), "prompt"),
        *vocabulary.of_prompts(highest, encoder.vocabulary),
        *vocabulary.without_end(encoder.stops),
    ]
    if any(problem.blocking for problem in problems):
        return problems
    return [*problems, *context_length.of_prompts(lengths, context)]
