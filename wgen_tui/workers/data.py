"""From chats to token ids, with the loss on what the assistant says and nothing else.

Promises: every example has a trained token; where the mask cannot be told with certainty, training
is refused; the order of the examples depends on the data-order seed and the epoch alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from experiments.schema import TrainingConfig
from wgen_tui.workers.runtime import WorkerError

IGNORED = -100
Chat = list[dict[str, str]]


@dataclass(frozen=True)
class Example:
    """One tokenised chat.

    Attributes:
        ids: Token ids.
        trained: For each token, whether it counts in the loss.
    """

    ids: tuple[int, ...]
    trained: tuple[bool, ...]


@dataclass(frozen=True)
class Dataset:
    """A run's examples, and what stands out about them."""

    examples: tuple[Example, ...]
    notes: tuple[str, ...]


def render(tokenizer: Any, chat: Chat, *, prompt: bool = False) -> str:
    """A chat through the template, as text.

    Thinking is switched off where a template knows the switch, as in the published runs on
    hybrid models.

    Args:
        tokenizer: With a chat template.
        chat: The messages.
        prompt: Whether the assistant's turn is opened at the end.
    """
    text: str = tokenizer.apply_chat_template(
        chat, tokenize=False, add_generation_prompt=prompt, enable_thinking=False
    )
    return text


def encode(tokenizer: Any, chat: Chat) -> Example:
    """Tokenise one chat and mark the assistant's tokens.

    A template that marks them itself ({% generation %}) is believed. Else each assistant turn is
    found as what follows the conversation before it: both are rendered, and the one must begin
    with the other.

    Raises:
        WorkerError: the template rewrites earlier turns, so the assistant's text cannot be told.
    """
    if "{% generation" in tokenizer.chat_template or "{%- generation" in tokenizer.chat_template:
        found = tokenizer.apply_chat_template(
            chat,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
            enable_thinking=False,
        )
        return Example(tuple(found["input_ids"]), tuple(map(bool, found["assistant_masks"])))
    text = render(tokenizer, chat)
    spans = [
        _span(tokenizer, chat, turn, text)
        for turn, message in enumerate(chat)
        if message["role"] == "assistant"
    ]
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids: list[int] = found["input_ids"]
    special = set(tokenizer.all_special_ids)
    trained = [False] * len(ids)
    for start, end in spans:
        inside = [
            index for index, (a, b) in enumerate(found["offset_mapping"]) if start <= a and b <= end
        ]
        # A template may end the turn with a newline behind the end token; nobody samples that.
        ends = [index for index in inside if ids[index] in special]
        for index in inside:
            trained[index] = not ends or index <= ends[-1]
    return Example(tuple(ids), tuple(trained))


def _span(tokenizer: Any, chat: Chat, turn: int, text: str) -> tuple[int, int]:
    head = render(tokenizer, chat[:turn], prompt=True)
    tail = render(tokenizer, chat[: turn + 1])
    if not (text.startswith(tail) and tail.startswith(head)):
        raise WorkerError(
            "The chat template rewrites earlier turns, so the assistant's tokens cannot be told.",
            title="Loss mask",
            hint="Give a chat_template in experiment.yaml with {% generation %} around what the "
            "assistant says.",
        )
    return len(head), len(tail)


def load_examples(path: Path, tokenizer: Any, training: TrainingConfig) -> Dataset:
    """Read a run's data.jsonl.

    Raises:
        WorkerError: an example is too long and the policy is `error`, has no trained token, or
            nothing is left.
    """
    chats: list[Chat] = [
        json.loads(line)["messages"] for line in path.read_text("utf-8").split("\n") if line.strip()
    ]
    examples = [encode(tokenizer, chat) for chat in chats]
    notes: list[str] = []
    examples, note = _fit(examples, training)
    if note:
        notes.append(note)
    for number, example in enumerate(examples, start=1):
        if not any(example.trained[1:]):
            raise WorkerError(
                f"Example {number} has no token of the assistant's to train on.",
                title="Empty loss mask",
                hint="Look at it with `wgen-tui experiment preview`.",
            )
    special = set(tokenizer.all_special_ids)
    if not all(_trains_end(example, special) for example in examples):
        notes.append("no end token is trained in some examples: the model may not learn to stop")
    return Dataset(tuple(examples), tuple(notes))


def _trains_end(example: Example, special: set[int]) -> bool:
    last = max(index for index, trained in enumerate(example.trained) if trained)
    return example.ids[last] in special


def _fit(examples: list[Example], training: TrainingConfig) -> tuple[list[Example], str]:
    """Apply the policy for examples longer than max_length."""
    limit = training.max_length
    long = [index for index, example in enumerate(examples) if len(example.ids) > limit]
    if not long:
        return examples, ""
    what = f"{len(long)} of {len(examples)} examples are longer than max_length {limit} tokens"
    if training.too_long == "error":
        longest = max(len(example.ids) for example in examples)
        raise WorkerError(
            f"{what} (the longest: {longest}); the policy is too_long: error.",
            title="Examples too long",
            hint=f"Set training.max_length to {longest}, or training.too_long to truncate or drop.",
        )
    if training.too_long == "truncate":
        cut = [Example(example.ids[:limit], example.trained[:limit]) for example in examples]
        return cut, f"{what} and were cut"
    kept = [example for example in examples if len(example.ids) <= limit]
    if not kept:
        raise WorkerError(f"{what}, so none is left.", title="Examples too long")
    return kept, f"{what} and were left out"


def batches_per_epoch(training: TrainingConfig, examples: int) -> int:
    """How many batches an epoch has; the last may be smaller."""
    return math.ceil(examples / training.per_device_train_batch_size)


def epoch_batches(
    examples: Sequence[Example], size: int, data_order: int
) -> Iterator[list[Example]]:
    """Yield batches for ever; epoch e is shuffled by a generator seeded `data_order + e`.

    That is the order of transformers' Trainer.
    """
    epoch = 0
    while True:
        generator = torch.Generator().manual_seed(data_order + epoch)
        order = torch.randperm(len(examples), generator=generator).tolist()
        for start in range(0, len(order), size):
            yield [examples[index] for index in order[start : start + size]]
        epoch += 1


def collate(
    examples: Sequence[Example], pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pad on the right.

    Returns:
        ids, attention mask and labels, each [examples, longest]; the label of a token is the token
        that follows, or IGNORED where that is not trained.
    """
    width = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), width), pad)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, IGNORED)
    for row, example in enumerate(examples):
        tokens = torch.tensor(example.ids)
        trained = torch.tensor(example.trained)
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        labels[row, : len(tokens) - 1] = tokens[1:].masked_fill(~trained[1:], IGNORED)
    return ids.to(device), mask.to(device), labels.to(device)
