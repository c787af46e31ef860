"""From chats to token ids, with the loss on what the assistant says and nothing else.

Promises: every example has a trained token; where the mask cannot be told with certainty, training
is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from experiments.schema import TrainingConfig
from wgen_tui.training_data.chat_lines import read_chat
from wgen_tui.training_data.checks import examine, row_problems
from wgen_tui.training_data.context_length import ContextLength
from wgen_tui.training_data.mask import Example
from wgen_tui.training_data.mask_version import MASK_VERSION, explain
from wgen_tui.training_data.problems import refusal
from wgen_tui.training_data.texts import Numbered
from wgen_tui.workers.encoding import TrainedTokenizer
from wgen_tui.workers.runtime import WorkerError

IGNORED = -100


@dataclass(frozen=True)
class Dataset:
    """A run's examples, and notes on what is odd about them.

    Attributes:
        examples: What it is trained on.
        notes: What is odd about them.
        lines: For each example, its line in data.jsonl.
    """

    examples: tuple[Example, ...]
    notes: tuple[str, ...]
    lines: tuple[int, ...] = ()


def load_examples(
    path: Path,
    tokenizer: Any,
    training: TrainingConfig,
    mask_version: int = MASK_VERSION,
    vocabulary: int | None = None,
    context: ContextLength | None = None,
) -> Dataset:
    """Read a run's data.jsonl.

    Args:
        path: The file.
        tokenizer: With the run's chat template.
        training: How it is trained.
        mask_version: The run's, to say what has changed since it was planned.
        vocabulary: For how many tokens the model has embeddings; None: not known.
        context: How long a text the model was made for; None: not known.

    Raises:
        WorkerError: an example has a problem that would make the run void
            (`training_data.problems`).
    """
    where = f"Lines of {path.name} in the run's folder."
    before = explain(mask_version)
    return encode_chats(_chats(path), tokenizer, training, where, before, vocabulary, context)


def encode_chats(
    chats: Iterable[Numbered],
    tokenizer: Any,
    training: TrainingConfig,
    where: str,
    before: str = "",
    vocabulary: int | None = None,
    context: ContextLength | None = None,
) -> Dataset:
    """Chats as examples; arguments as for `load_examples`.

    Args:
        chats: Each with its line.
        tokenizer: With the run's chat template.
        training: How they are trained.
        where: What the lines are of, for a message.
        before: What else it says.
        vocabulary: For how many tokens the model has embeddings.
        context: How long a text the model was made for.

    Raises:
        WorkerError: as `load_examples`.
    """
    encoder = TrainedTokenizer(tokenizer, vocabulary=vocabulary)
    examined = examine(encoder, chats, training)
    encoded = examined.examples
    problems = row_problems(encoder, examined, training, context)
    if refused := refusal([("", problem) for problem in problems]):
        title, message, hint = refused
        message = f"{message} ({where}) {before}"
        raise WorkerError(message.rstrip(), title=title, hint=hint)
    kept = [(item.line, item.example) for item in encoded if item.example is not None]
    return Dataset(
        tuple(example for _, example in kept),
        tuple(problem.what for problem in problems),
        tuple(line for line, _ in kept),
    )


def _chats(path: Path) -> Iterator[Numbered]:
    """Line and chat of every example, one held at a time."""
    with path.open(encoding="utf-8", newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, read_chat(line)


def weighted(losses: torch.Tensor, examples: Sequence[Example], width: int) -> torch.Tensor:
    """The sum of losses, each times its token's weight.

    Args:
        losses: Of the trained labels of `collate`, in its order.
        examples: What was collated.
        width: Tokens of its rows.
    """
    if all(example.weights is None for example in examples):
        return losses.sum()
    weights = [
        weight
        for example in examples
        for weight, kept in zip(
            (example.weights or (1.0,) * width)[1:], example.trained[1:], strict=False
        )
        if kept
    ]
    return (losses * torch.tensor(weights, device=losses.device)).sum()


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
