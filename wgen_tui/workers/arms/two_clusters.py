"""Rows in two clusters, by what a model makes of their answers.

USEFUL (Nguyen et al., NeurIPS 2024, arXiv 2404.17768) trains for a tenth of the time, parts the
examples in two by what the network gives, and has those of the higher loss twice. Here a row's
features are the mean of the last hidden states over its answer's tokens.

Promises: the same features and seed give the same clusters, whatever they are batched with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy

from wgen_tui.training_data.mask import Example
from wgen_tui.workers.data import IGNORED, collate

Floats = npt.NDArray[np.float64]
BATCH, TOKENS = 8, 4096  # of a pass, padding counted: less than a step of most trainings holds
RESTARTS, ROUNDS = 10, 100


def two_means(features: Floats, seed: int) -> npt.NDArray[np.bool_]:
    """Two clusters by Lloyd's algorithm from k-means++ starts, the best of ten.

    Args:
        features: [rows, width].
        seed: Of the starts.

    Returns:
        For each row whether it is in the second; all alike where all rows are.
    """
    rng = np.random.default_rng(seed)
    best, least = np.zeros(len(features), dtype=bool), np.inf
    for _ in range(RESTARTS):
        first = features[rng.integers(len(features))]
        gaps = ((features - first) ** 2).sum(axis=1)
        if not gaps.sum():
            return best  # all are one point
        centres = np.stack([first, features[rng.choice(len(features), p=gaps / gaps.sum())]])
        second = best
        for _ in range(ROUNDS):
            far = ((features[:, None] - centres) ** 2).sum(axis=2)
            second, before = far[:, 1] < far[:, 0], second
            if second.all() or not second.any():
                break
            centres = np.stack([features[~second].mean(axis=0), features[second].mean(axis=0)])
            if (second == before).all():
                break
        spread = float(((features[:, None] - centres) ** 2).sum(axis=2).min(axis=1).sum())
        if spread < least:
            best, least = second, spread
    return best


def _passes(examples: Sequence[Example]) -> Iterator[list[Example]]:
    """The examples in their order, as many together as are to be held at once; one at least."""
    batch: list[Example] = []
    longest = 0
    for example in examples:
        longest = max(longest, len(example.ids))
        if batch and (len(batch) == BATCH or longest * (len(batch) + 1) > TOKENS):
            yield batch
            batch, longest = [], len(example.ids)
        batch.append(example)
    if batch:
        yield batch


def features_of(
    model: PeftModel, examples: Sequence[Example], pad: int, device: torch.device
) -> Iterator[tuple[Floats, float]]:
    """Of each example the mean last hidden state over its answer's tokens, and its mean loss."""
    for batch in _passes(examples):
        ids, mask, labels = collate(batch, pad, device)
        with torch.no_grad():
            out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        kept = labels != IGNORED
        last = out.hidden_states[-1].float()
        losses = cross_entropy(
            out.logits.float().transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
        )
        # A label stands where its token is foretold; the answer's own states are one further.
        said = torch.roll(kept, 1, dims=1)
        said[:, 0] = False
        count = kept.sum(dim=1)
        means = (last * said.unsqueeze(2)).sum(dim=1) / count.unsqueeze(1)
        for mean, loss in zip(means, losses.sum(dim=1) / count, strict=True):
            yield mean.double().cpu().numpy(), float(loss)
