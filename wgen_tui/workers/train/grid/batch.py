"""Collates examples of several adapters into one pass: padded and grouped, or packed end to end.

Promises: each label is predicted from its own example alone; nothing of an example is lost or seen
twice; the logits that are computed are those that are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from wgen_tui.training_data.mask import Example
from wgen_tui.workers.data import IGNORED
from wgen_tui.workers.device.transfer import upload
from wgen_tui.workers.train.grid.stack import Stack

Batches = Sequence[Sequence[Example]]  # one batch, perhaps empty, for each slot


@dataclass(frozen=True)
class CollatedBatch:
    """What goes through the model in one pass, for all adapters.

    Attributes:
        ids: [rows, tokens]; one row when packed.
        positions: [1, tokens], from 0 again with every example; None when padded.
        label_positions: [labels], where the tokens that predict a label stand in `ids.flatten()`.
        labels: [labels], the token that each of them is to predict.
        label_slots: [labels], the slot whose loss each counts in.
        label_weights: [labels], what the loss of each is multiplied by; None: all count alike.
        mask: For the stack's routing; None when padded.
        spans: For each slot its examples as (row, start, length) in `ids`.
        tokens: Tokens of examples; the rest of `ids` is padding.
    """

    ids: torch.Tensor
    positions: torch.Tensor | None
    label_positions: torch.Tensor
    labels: torch.Tensor
    label_slots: torch.Tensor
    label_weights: torch.Tensor | None
    mask: torch.Tensor | None
    spans: tuple[tuple[tuple[int, int, int], ...], ...]
    tokens: int

    @property
    def is_packed(self) -> bool:
        """Whether all examples are in one row, end to end."""
        return self.positions is not None


def count_tokens(batches: Batches) -> tuple[int, int]:
    """Tokens of the examples, and of the padded pass over them."""
    lengths = [[len(example.ids) for example in batch] for batch in batches]
    longest = max(max(row, default=0) for row in lengths)
    rows_per_slot = max(len(row) for row in lengths)
    return sum(map(sum, lengths)), len(batches) * rows_per_slot * longest


@lru_cache(maxsize=4096)
def _shifted_labels(
    example: Example,
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...]]:
    """The positions that predict a trained token, those tokens, and their weights."""
    positions = [place for place, trained in enumerate(example.trained[1:]) if trained]
    tokens = tuple(example.ids[place + 1] for place in positions)
    weights = example.weights or (1.0,) * len(example.ids)
    return tuple(positions), tokens, tuple(weights[place + 1] for place in positions)


class _Labels:
    """Collects the labels of a pass."""

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._labels: list[int] = []
        self._slots: list[int] = []
        self._weights: list[float] = []
        self._weighted = False  # whether any differs

    def add(self, slot: int, example: Example, start: int) -> None:
        """Add an example that begins at `start` of all tokens."""
        positions, labels, weights = _shifted_labels(example)
        self._positions.extend(start + place for place in positions)
        self._labels.extend(labels)
        self._slots.extend([slot] * len(labels))
        self._weights.extend(weights)
        self._weighted = self._weighted or example.weights is not None

    def tensors(
        self, device: torch.device, bucket: int = 1
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Positions, labels, slots and weights, each [labels]; one copy to the device for three."""
        for _ in range(-len(self._labels) % bucket):
            self._positions.append(0)
            self._labels.append(IGNORED)
            self._slots.append(0)
            self._weights.append(0.0)
        columns = torch.tensor((self._positions, self._labels, self._slots))
        positions, labels, slots = upload(columns, device)
        weights = upload(torch.tensor(self._weights), device) if self._weighted else None
        return positions, labels, slots, weights


def pad_batch(
    batches: Batches, pad_id: int, device: torch.device, bucket: int = 1
) -> CollatedBatch:
    """Rows grouped by slot, as many for each, padded on the right.

    No attention mask is needed: padding comes after the example, and no token looks ahead.

    Args:
        batches: Of each slot.
        pad_id: Token that fills rows.
        device: Where the tensors go.
        bucket: Rows are as long as a multiple of this; so is the number of labels, by such as are
            ignored.
    """
    longest = max(len(example.ids) for batch in batches for example in batch)
    longest += -longest % bucket
    rows_per_slot = max(len(batch) for batch in batches)
    ids: list[list[int]] = []
    labels = _Labels()
    spans: list[tuple[tuple[int, int, int], ...]] = []
    tokens = 0
    for slot, batch in enumerate(batches):
        spans.append(tuple((len(ids) + n, 0, len(e.ids)) for n, e in enumerate(batch)))
        for example in batch:
            labels.add(slot, example, len(ids) * longest)
            ids.append([*example.ids, *[pad_id] * (longest - len(example.ids))])
            tokens += len(example.ids)
        # Every slot has as many rows, so that the stack multiplies them in one product.
        ids.extend([pad_id] * longest for _ in range(rows_per_slot - len(batch)))
    rows = upload(torch.tensor(ids), device)  # [K · rows_per_slot, longest]
    return CollatedBatch(rows, None, *labels.tensors(device, bucket), None, tuple(spans), tokens)


def pack_batch(batches: Batches, stack: Stack) -> CollatedBatch:
    """All examples in one row, each with positions of its own; attention does not cross them."""
    device = stack.device
    ids: list[int] = []
    positions: list[int] = []
    owners: list[int] = []
    labels = _Labels()
    spans: list[tuple[tuple[int, int, int], ...]] = []
    for slot, batch in enumerate(batches):
        slot_spans: list[tuple[int, int, int]] = []
        for example in batch:
            slot_spans.append((0, len(ids), len(example.ids)))
            labels.add(slot, example, len(ids))
            ids.extend(example.ids)
            positions.extend(range(len(example.ids)))
            owners.extend([slot] * len(example.ids))
        spans.append(tuple(slot_spans))
    columns = torch.tensor([ids, positions, owners])
    row, position_ids, slots = upload(columns, device)  # each [tokens]
    mask = stack.routing_mask(slots)[None]  # [1, tokens, K·R]
    return CollatedBatch(
        row[None], position_ids[None], *labels.tensors(device), mask, tuple(spans), len(ids)
    )


class Head:
    """The logits of a model behind the tokens that are needed, and no others."""

    def __init__(self, model: Any) -> None:
        """Try the model: is its head a plain product, or does it scale or cap the logits?"""
        self._model = model
        self._body = getattr(model, model.base_model_prefix, model)
        self._plain = self._body is not model and self._is_plain()

    def _is_plain(self) -> bool:
        ids = torch.arange(7, device=self._model.device)[None]
        with torch.inference_mode():
            states = self._body(input_ids=ids, use_cache=False)
            hidden = getattr(states, "last_hidden_state", None)
            if hidden is None:
                return False
            direct = self._model.get_output_embeddings()(hidden)
            return bool(torch.equal(direct, self._model(input_ids=ids, use_cache=False).logits))

    def logits(self, batch: CollatedBatch) -> torch.Tensor:
        """Logits [labels, vocabulary]."""
        return self.of_states(self.states(batch))

    def of_states(self, states: torch.Tensor) -> torch.Tensor:
        """Logits [labels, vocabulary] of some of what `states` gives."""
        return self._model.get_output_embeddings()(states) if self._plain else states

    def states(self, batch: CollatedBatch) -> torch.Tensor:
        """What logits are made of [labels, …]: hidden states of a plain head, else themselves."""
        options: dict[str, Any] = {"input_ids": batch.ids, "use_cache": False}
        if batch.positions is not None:
            options["position_ids"] = batch.positions
        if self._plain:
            hidden = self._body(**options).last_hidden_state
            flat = hidden.reshape(-1, hidden.size(-1))  # [rows · tokens, hidden]
            return flat.index_select(0, batch.label_positions)
        # The model's own head, at every column that has a label in any row.
        tokens = batch.ids.size(1)
        columns, column = torch.unique(batch.label_positions % tokens, return_inverse=True)
        logits = self._model(**options, logits_to_keep=columns).logits
        return logits[batch.label_positions // tokens, column]


def route(stack: Stack, batch: CollatedBatch) -> None:
    """Let each row of a pass go through its own adapter."""
    stack.routing.mode = "masked" if batch.is_packed else "grouped"
    stack.routing.mask = batch.mask


def loss_sums(head: Head, stack: Stack, batch: CollatedBatch) -> torch.Tensor:
    """Cross-entropy of each slot, summed over its labels: [K], float32, with its graph."""
    route(stack, batch)
    losses = torch.nn.functional.cross_entropy(
        head.logits(batch).float(), batch.labels, reduction="none"
    )  # [labels]
    if batch.label_weights is not None:
        losses = losses * batch.label_weights
    return losses.new_zeros(stack.rows.size(0)).index_add(0, batch.label_slots, losses)


def packing_is_exact(model: Any, device: torch.device) -> bool:
    """Whether this model keeps packed examples apart; found out by trying.

    Models with a state that runs on (Mamba and its kin) do not, nor do some with code of their own.
    """
    vocabulary = model.get_input_embeddings().weight.size(0)
    parts = [torch.arange(n, device=device) % vocabulary for n in (5, 9)]
    together = torch.cat(parts)[None]
    positions = torch.cat([torch.arange(len(part), device=device) for part in parts])[None]
    with torch.inference_mode():
        packed = model(input_ids=together, position_ids=positions, use_cache=False).logits[0]
        apart = torch.cat(
            [model(input_ids=part[None], use_cache=False).logits[0] for part in parts]
        )
    scale = apart.float().norm()
    tolerance = 1e-4 if apart.dtype == torch.float32 else 5e-2
    return bool((packed.float() - apart.float()).norm() <= tolerance * scale)


# Padded tokens per real token above which packing is faster. A token costs 1.3 to 1.4 times as much
# in a packed pass, and more the longer the pass is, since attention is computed over all of it and
# masked; fitted on a CPU, to the table in docs/benchmarks.md.
PACKING_COST = 1.35
COST_PER_TOKEN = {"cpu": 1 / 1000, "cuda": 1 / 8000}
# Up to so many tokens a GPU waits for the host, whom a packed pass costs more: on an H200 16
# adapters on rows of 25 tokens do twice as many steps a second padded.
IDLE_TOKENS = {"cuda": 8192}


def should_pack(tokens: int, padded_tokens: int, device: str) -> bool:
    """Whether to pack a step.

    Args:
        tokens: Its examples' tokens.
        padded_tokens: Tokens of the rows that they would be.
        device: Type of the device.
    """
    if padded_tokens <= IDLE_TOKENS.get(device, 0):
        return False
    growth = COST_PER_TOKEN.get(device, COST_PER_TOKEN["cpu"])
    return padded_tokens > tokens * (PACKING_COST + tokens * growth)
