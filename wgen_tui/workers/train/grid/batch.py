"""One pass over examples of several adapters: padded and grouped, or packed end to end.

Promises: each label is predicted from its own example alone; nothing of an example is lost or seen
twice; the logits that are computed are those that are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from wgen_tui.workers.data import Example
from wgen_tui.workers.train.grid.stack import Stack

Batches = Sequence[Sequence[Example]]  # one batch, perhaps empty, for each slot


@dataclass(frozen=True)
class Pass:
    """What goes through the model at once.

    Attributes:
        ids: [rows, tokens]; one row when packed.
        positions: [1, tokens], beginning anew with every example; None when padded.
        places: Where the tokens stand that predict a label, in `ids` read row by row [labels].
        labels: What each of them is to predict [labels].
        slots: Whose it is [labels].
        mask: For the stack's routing; None when grouped.
        spans: For each slot its examples as (row, start, length) in `ids`.
        real: Tokens of examples; the rest is padding.
    """

    ids: torch.Tensor
    positions: torch.Tensor | None
    places: torch.Tensor
    labels: torch.Tensor
    slots: torch.Tensor
    mask: torch.Tensor | None
    spans: tuple[tuple[tuple[int, int, int], ...], ...]
    real: int

    @property
    def packed(self) -> bool:
        return self.positions is not None


def count_tokens(batches: Batches) -> tuple[int, int]:
    """Tokens of the examples, and of the padded pass over them."""
    lengths = [[len(example.ids) for example in batch] for batch in batches]
    longest = max(max(row, default=0) for row in lengths)
    most = max(len(row) for row in lengths)
    return sum(map(sum, lengths)), len(batches) * most * longest


@lru_cache(maxsize=4096)
def _learned(example: Example) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The positions that predict a trained token, and those tokens."""
    places = [place for place, trained in enumerate(example.trained[1:]) if trained]
    return tuple(places), tuple(example.ids[place + 1] for place in places)


class _Labels:
    """Collects the labels of a pass."""

    def __init__(self) -> None:
        self._rows: tuple[list[int], list[int], list[int]] = ([], [], [])

    def add(self, slot: int, example: Example, start: int) -> None:
        """Add an example that begins at `start` of all tokens."""
        places, labels = _learned(example)
        self._rows[0].extend(start + place for place in places)
        self._rows[1].extend(labels)
        self._rows[2].extend([slot] * len(labels))

    def tensors(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Places, labels and slots."""
        places, labels, slots = torch.tensor(self._rows).to(device)
        return places, labels, slots


def padded(batches: Batches, pad: int, device: torch.device) -> Pass:
    """Rows grouped by slot, as many for each, padded on the right.

    No attention mask is needed: what is padded comes after what is real, and no token looks ahead.
    """
    longest = max(len(example.ids) for batch in batches for example in batch)
    most = max(len(batch) for batch in batches)
    ids: list[list[int]] = []
    labels = _Labels()
    spans: list[tuple[tuple[int, int, int], ...]] = []
    real = 0
    for slot, batch in enumerate(batches):
        spans.append(tuple((len(ids) + n, 0, len(e.ids)) for n, e in enumerate(batch)))
        for example in batch:
            labels.add(slot, example, len(ids) * longest)
            ids.append([*example.ids, *[pad] * (longest - len(example.ids))])
            real += len(example.ids)
        ids.extend([pad] * longest for _ in range(most - len(batch)))
    rows = torch.tensor(ids).to(device)
    return Pass(rows, None, *labels.tensors(device), None, tuple(spans), real)


def packed(batches: Batches, stack: Stack) -> Pass:
    """All examples in one row, each with positions of its own; attention does not cross them."""
    device = stack.device
    ids: list[int] = []
    positions: list[int] = []
    owners: list[int] = []
    labels = _Labels()
    spans: list[tuple[tuple[int, int, int], ...]] = []
    for slot, batch in enumerate(batches):
        own: list[tuple[int, int, int]] = []
        for example in batch:
            own.append((0, len(ids), len(example.ids)))
            labels.add(slot, example, len(ids))
            ids.extend(example.ids)
            positions.extend(range(len(example.ids)))
            owners.extend([slot] * len(example.ids))
        spans.append(tuple(own))
    row, places, who = torch.tensor([ids, positions, owners]).to(device)
    mask = stack.columns(who)[None]
    found = labels.tensors(device)
    return Pass(row[None], places[None], *found, mask, tuple(spans), len(ids))


class Head:
    """The logits of a model behind the tokens that are needed, and no others."""

    def __init__(self, model: Any) -> None:
        """Look at the model: is its head a plain product, or does it scale or cap the logits?"""
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

    def logits(self, made: Pass) -> torch.Tensor:
        """Logits [labels, vocabulary]."""
        options: dict[str, Any] = {"input_ids": made.ids, "use_cache": False}
        if made.positions is not None:
            options["position_ids"] = made.positions
        if self._plain:
            hidden = self._body(**options).last_hidden_state
            picked = hidden.reshape(-1, hidden.size(-1)).index_select(0, made.places)
            return self._model.get_output_embeddings()(picked)
        tokens = made.ids.size(1)
        columns, column = torch.unique(made.places % tokens, return_inverse=True)
        logits = self._model(**options, logits_to_keep=columns).logits
        return logits[made.places // tokens, column]


def loss_sums(head: Head, stack: Stack, made: Pass) -> torch.Tensor:
    """Cross-entropy of each slot, summed over its labels: [K], float32, with its graph."""
    stack.routing.mode = "masked" if made.packed else "grouped"
    stack.routing.mask = made.mask
    each = torch.nn.functional.cross_entropy(
        head.logits(made).float(), made.labels, reduction="none"
    )
    return each.new_zeros(stack.rows.size(0)).index_add(0, made.slots, each)


def packing_is_exact(model: Any, device: torch.device) -> bool:
    """Whether this model keeps packed examples apart, seen by trying.

    Models with a state that runs on (Mamba and its kin) do not, nor do some with code of their own.
    """
    vocabulary = model.get_input_embeddings().weight.size(0)
    parts = [torch.arange(n, device=device) % vocabulary for n in (5, 9)]
    together = torch.cat(parts)[None]
    positions = torch.cat([torch.arange(len(part), device=device) for part in parts])[None]
    with torch.inference_mode():
        packed = model(input_ids=together, position_ids=positions, use_cache=False).logits[0]
        alone = torch.cat(
            [model(input_ids=part[None], use_cache=False).logits[0] for part in parts]
        )
    scale = alone.float().norm()
    tolerance = 1e-4 if alone.dtype == torch.float32 else 5e-2
    return bool((packed.float() - alone.float()).norm() <= tolerance * scale)


# Padded tokens per real token above which packing is faster. A token costs 1.3 to 1.4 times as much
# in a packed pass, and more the longer the pass is, since attention is computed over all of it and
# masked; fitted to the table in docs/benchmarks.md. The growth on a GPU is not measured yet.
FACTOR = 1.35


GROWTH = {"cpu": 1 / 1000, "cuda": 1 / 8000}


def packs(real: int, padded: int, device: str) -> bool:
    """Whether to pack a step.

    Args:
        real: Its examples' tokens.
        padded: Tokens of the rows that they would be.
        device: Type of the device.
    """
    return padded > real * (FACTOR + real * GROWTH.get(device, GROWTH["cpu"]))
