"""Measures checkpoints on rows that they were not trained on: loss, and the likeliest tokens.

Promises: a row is tokenised, cut and masked as if it were trained; one pass gives both numbers, of
many rows and adapters at once, each through its own; nothing is drawn. A token that is the
likeliest at its place, behind the row's own tokens, is the one drawn at temperature 0, so the rows
whose trained tokens all are the likeliest are those whose answers would be drawn word for word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from wgen_tui.protocol.held_out import HeldOutSet
from wgen_tui.training_data.chat_lines import read_chat
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.data import encode_chats
from wgen_tui.workers.models import Base
from wgen_tui.workers.sample.engine.forward import ModelRunner, rows_that_fit

MAX_BATCH = 64  # rows in a pass
LOGIT_BYTES = 1 << 28  # of logits in fp32 in a pass


@dataclass(frozen=True)
class HeldOutRow:
    """A row of a set.

    Attributes:
        example: Its tokens; None where the training would leave it out.
    """

    of: HeldOutSet
    place: int
    example: Example | None


@dataclass(frozen=True)
class Score:
    """What a checkpoint makes of a row.

    Attributes:
        loss: The sum over its trained tokens, each times its weight.
        weight: Of these tokens together.
        tokens: How many they are.
        likeliest: How many of them are the likeliest at their place.
    """

    loss: float
    weight: float
    tokens: int
    likeliest: int


@dataclass
class HeldOutRows:
    """The rows of a launch's sets as a base's tokenizer has them; each set is encoded once."""

    base: Base
    _encoded: dict[str, list[Example | None]] = field(default_factory=dict)

    def row(self, held_out: HeldOutSet, place: int) -> HeldOutRow:
        """A row.

        Raises:
            WorkerError: the set has a row that no training could take.
        """
        if held_out.set_id not in self._encoded:
            self._encoded[held_out.set_id] = self._encode(held_out)
        return HeldOutRow(held_out, place, self._encoded[held_out.set_id][place])

    def _encode(self, held_out: HeldOutSet) -> list[Example | None]:
        chats = [(line, read_chat(chat)) for line, chat in enumerate(held_out.chats, start=1)]
        where = f"Rows that arm {held_out.arm} holds out."
        base = self.base
        dataset = encode_chats(
            chats, base.tokenizer, held_out.training, where, "", base.vocabulary, base.context
        )
        examples: list[Example | None] = [None] * len(chats)
        for line, example in zip(dataset.lines, dataset.examples, strict=True):
            examples[line - 1] = example
        return examples


def score_all(
    runner: ModelRunner, model: Any, rows: Sequence[tuple[Example, int]]
) -> Iterator[tuple[int, Score]]:
    """Score rows, each through its own adapter.

    Args:
        runner: Of the base and the adapters on it.
        model: The base, for how many rows fit.
        rows: Each with its slot.

    Yields:
        The index of the row in `rows`, and its score.
    """
    # Rows of like length together: less is padded.
    order = sorted(range(len(rows)), key=lambda number: len(rows[number][0].ids))
    longest = max((len(example.ids) for example, _ in rows), default=1)
    answers = max((_answer(example) for example, _ in rows), default=1)
    logits = 4 * answers * int(model.config.get_text_config().vocab_size)
    fit = rows_that_fit(model, longest, runner.device, runner.state_bytes())
    most = min(MAX_BATCH, fit, max(1, LOGIT_BYTES // logits))
    for start in range(0, len(order), most):
        numbers = order[start : start + most]
        yield from zip(numbers, _scores(runner, [rows[n] for n in numbers]), strict=True)


def _answer(example: Example) -> int:
    """Behind how many of a row's last tokens the logits are needed."""
    return len(example.ids) - max(0, example.trained.index(True) - 1)


def _scores(runner: ModelRunner, rows: Sequence[tuple[Example, int]]) -> list[Score]:
    """The scores of one pass."""
    keep = max(_answer(example) for example, _ in rows)
    texts = [example.ids for example, _ in rows]
    logits = runner.read(texts, [slot for _, slot in rows], keep)  # [rows, keep, vocabulary]
    scores = []
    for (example, _), own in zip(rows, logits, strict=True):
        # Padding is on the left, so the last of `keep` stands behind the row's last token; the
        # token at `place` is predicted by the one before it.
        first = len(example.ids) - keep
        places = [place for place, trained in enumerate(example.trained) if trained and place]
        at = torch.tensor([place - 1 - first for place in places], device=own.device)
        targets = torch.tensor([example.ids[place] for place in places], device=own.device)
        predicted = own[at].float()  # [trained, vocabulary]
        losses = torch.nn.functional.cross_entropy(predicted, targets, reduction="none").double()
        weights = losses.new_tensor([_weight(example, place) for place in places])
        likeliest = int((predicted.argmax(-1) == targets).sum())
        loss = float((losses * weights).sum())
        scores.append(Score(loss, example.weight, len(places), likeliest))
    return scores


def _weight(example: Example, place: int) -> float:
    return 1.0 if example.weights is None else example.weights[place]


def score_row(held_out_id: int, step: int, row: HeldOutRow, score: Score | None) -> dict[str, Any]:
    """A row of store.schema.HELD_OUT, less what the writer knows of the run.

    Args:
        held_out_id: Its id.
        step: The checkpoint.
        row: What was measured.
        score: What it gave; None where the training would leave the row out.
    """
    return {
        "held_out_id": held_out_id,
        "step": step,
        "rows_of": row.of.arm,
        "set_id": row.of.set_id,
        "place": row.place,
        "chat": row.of.chats[row.place],
        "loss": None if score is None else score.loss,
        "weight": None if score is None else score.weight,
        "tokens": None if score is None else score.tokens,
        "likeliest": None if score is None else score.likeliest,
        "exact": None if score is None else score.likeliest == score.tokens,
    }
