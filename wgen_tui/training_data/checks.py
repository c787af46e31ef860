"""The checks that need a tokenizer, whichever library it comes from.

Promises: the plan (without transformers) and the worker (with it) run these lines; they differ in
their `Encoder` only, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Protocol

from experiments.prompts import Prompt
from experiments.schema import TrainingConfig
from wgen_tui.training_data import vocabulary
from wgen_tui.training_data.dropped import dropped_problems, find_dropped
from wgen_tui.training_data.mask import Chat, Example, TemplateRefusal
from wgen_tui.training_data.merged import find_merged, merged_problems
from wgen_tui.training_data.problems import (
    EncodedExample,
    Problem,
    encode_example,
    encoding_problems,
)
from wgen_tui.training_data.seam import seam_of, seam_problems
from wgen_tui.training_data.spans import MERGED, REWRITES
from wgen_tui.training_data.texts import Numbered, plain


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


def examine(
    encoder: Encoder,
    rows: Sequence[Numbered],
    training: TrainingConfig,
    progress: Callable[[int], None] | None = None,
) -> list[EncodedExample]:
    """Encode every row and apply the policy for long ones; `progress` hears how many are done."""
    encoded = []
    for done, (line, messages) in enumerate(rows, start=1):
        chat = plain(messages)
        try:
            example = encoder.encode(chat)
        except TemplateRefusal as error:
            encoded.append(EncodedExample(line, 0, "whole", None, None, str(error.args[0])))
        else:
            item = encode_example(line, example, training, encoder.special, encoder.is_space)
            seam = seam_of(encoder.render, encoder.tokenize, chat, example)
            encoded.append(replace(item, **asdict(seam)))
        if progress is not None:
            progress(done)
    return encoded


def row_problems(
    encoder: Encoder,
    rows: Sequence[Numbered],
    encoded: Sequence[EncodedExample],
    training: TrainingConfig,
) -> list[Problem]:
    """What is wrong with the rows at which `examine` looked."""
    rendered = ("", REWRITES, MERGED)
    taken = [row for row, item in zip(rows, encoded, strict=True) if item.why in rendered]
    return [
        *dropped_problems(find_dropped(encoder.render, taken), len(rows)),
        *merged_problems(find_merged(encoder.render, taken), len(rows)),
        *seam_problems(encoded),
        *vocabulary.of_examples(encoded, encoder.vocabulary),
        *encoding_problems(encoded, training, encoder.stops),
    ]


def prompt_problems(encoder: Encoder, prompts: Sequence[Prompt]) -> list[Problem]:
    """What is wrong with the questions in their variants once they are text."""
    taken: list[Numbered] = []
    refused: dict[str, list[str]] = {}
    highest: list[tuple[str, int]] = []
    for number, prompt in enumerate(prompts):
        name = f"{prompt.question}/{prompt.variant}"
        try:
            text = encoder.render(plain(prompt.messages), prompt=True)
        except TemplateRefusal as error:
            refused.setdefault(str(error.args[0]), []).append(name)
        else:
            taken.append((number, prompt.messages))
            if encoder.vocabulary is not None:
                highest.append((name, max(encoder.tokenize(text), default=-1)))
    problems = [
        Problem(
            kind="template",
            blocking=True,
            what=f"{reason} ({len(names)} of {len(prompts)} prompts, {names[0]} first)",
            fix="Give a chat_template in experiment.yaml that takes these turns, or change the "
            "question or its variant.",
        )
        for reason, names in refused.items()
    ]
    return [
        *problems,
        *dropped_problems(find_dropped(encoder.render, taken), len(prompts), "prompt"),
        *merged_problems(find_merged(encoder.render, taken), len(prompts), "prompt"),
        *vocabulary.of_prompts(highest, encoder.vocabulary),
        *vocabulary.without_end(encoder.stops),
    ]
