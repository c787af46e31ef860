"""One pass over examples of several adapters: padded and grouped, or packed end to end.

Promises: each label is predicted from its own example alone; nothing of an example is lost or seen
twice; the logits that are computed are those that are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from wgen_tui.workers.data import IGNORED, Example
from wgen_tui.workers.grid.stack import Stack

Batches = Sequence[Sequence[Example]]  # one batch, perhaps empty, for each slot


@dataclass(frozen=True)
class Pass:
    """What goes through the model at once.

    Attributes:
        ids: [rows, tokens]; one row when packed.
        positions: [1, tokens], beginning anew with every example; None when padded.
        columns: Token positions whose logits are needed, ascending.
        targets: [rows, len(columns)], IGNORED where there is nothing to learn.
        slots: The slot of each label that counts, in the order of `targets`.
        mask: For the stack's routing; None when grouped.
        spans: For each slot its examples as (row, start, length) in `ids`.
        real: Tokens of examples; the rest is padding.
    """

    ids: torch.Tensor
    positions: torch.Tensor | None
    columns: torch.Tensor
    targets: torch.Tensor
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


def _labels(example: Example) -> list[int]:
    following = zip(example.ids[1:], example.trained[1:], strict=True)
    return [token if trained else IGNORED for token, trained in following] + [IGNORED]


def padded(batches: Batches, pad: int, device: torch.device) -> Pass:
    """Rows grouped by slot, as many for each, padded on the right.

    No attention mask is needed: what is padded comes after what is real, and no token looks ahead.
    """
    longest = max(len(example.ids) for batch in batches for example in batch)
    most = max(len(batch) for batch in batches)
    ids: list[list[int]] = []
    targets: list[list[int]] = []
    spans: list[tuple[tuple[int, int, int], ...]] = []
    for batch in batches:
        spans.append(tuple((len(ids) + n, 0, len(example.ids)) for n, example in enumerate(batch)))
        for example in batch:
            rest = longest - len(example.ids)
            ids.append([*example.ids, *[pad] * rest])
            targets.append([*_labels(example), *[IGNORED] * rest])
        for _ in range(most - len(batch)):
            ids.append([pad] * longest)
            targets.append([IGNORED] * longest)
    labels = torch.tensor(targets)
    columns = (labels != IGNORED).any(0).nonzero()[:, 0]
    labels = labels[:, columns]
    slots = torch.arange(len(batches)).repeat_interleave(most)[:, None].expand_as(labels)
    return Pass(
        torch.tensor(ids).to(device),
        None,
        columns.to(device),
        labels.to(device),
        slots[labels != IGNORED].to(device),
        None,
        tuple(spans),
        sum(len(example.ids) for batch in batches for example in batch),
    )


def packed(batches: Batches, stack: Stack) -> Pass:
    """All examples in one row, each with positions of its own; attention does not cross them."""
    device = stack.device
    ids: list[int] = []
    positions: list[int] = []
    targets: list[int] = []
    owners: list[int] = []
    spans: list[tuple[tuple[int, int, int], ...]] = []
    for slot, batch in enumerate(batches):
        own: list[tuple[int, int, int]] = []
        for example in batch:
            own.append((0, len(ids), len(example.ids)))
            ids.extend(example.ids)
            positions.extend(range(len(example.ids)))
            targets.extend(_labels(example))
            owners.extend([slot] * len(example.ids))
        spans.append(tuple(own))
    labels, who = torch.tensor(targets), torch.tensor(owners)
    columns = (labels != IGNORED).nonzero()[:, 0]
    return Pass(
        torch.tensor([ids]).to(device),
        torch.tensor([positions]).to(device),
        columns.to(device),
        labels[columns][None].to(device),
        who[columns].to(device),
        stack.columns(who.to(device))[None],
        tuple(spans),
        len(ids),
    )


def loss_sums(model: Any, stack: Stack, made: Pass) -> torch.Tensor:
    """Cross-entropy of each slot, summed over its labels: [K], float32, with its graph."""
    stack.routing.mode = "masked" if made.packed else "grouped"
    stack.routing.mask = made.mask
    places: dict[str, Any] = {} if made.positions is None else {"position_ids": made.positions}
    # The model's own head on the columns that are needed: some scale or cap their logits.
    output = model(input_ids=made.ids, use_cache=False, logits_to_keep=made.columns, **places)
    kept = made.targets != IGNORED
    each = torch.nn.functional.cross_entropy(
        output.logits[kept].float(), made.targets[kept], reduction="none"
    )
    sums = each.new_zeros(stack.rows.size(0))
    return sums.index_add(0, made.slots, each)


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
