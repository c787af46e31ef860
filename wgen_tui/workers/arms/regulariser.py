"""What holds an adapter near its base: KL(adapter || base) over the answers of given rows.

Promises: the rows of a step follow from the step and the run's seed alone, so a training that was
stopped goes on with those it would have had; the logits of few tokens are held at a time, where the
model's head is a plain product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import torch

from wgen_tui.plain_files import read_plain
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.data import Dataset, load_examples
from wgen_tui.workers.models import Base
from wgen_tui.workers.recipe import Order
from wgen_tui.workers.runtime import Worker, WorkerError

CHUNK_BYTES = 1 << 28  # of logits in fp32, held at a time for each of adapter and base
Logits = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Regulariser:
    """The rows of a run, and what the mean over their answers counts.

    Attributes:
        beta: What it counts.
        dataset: The rows.
        order: Which of them each step sees: as many as it has examples.
    """

    beta: float
    dataset: Dataset
    order: Order

    def batches(self, step: int) -> list[list[Example]]:
        """The rows of a step (the first is 1), in as many batches as its examples."""
        return self.order.batches(step)


def load_regulariser(worker: Worker, base: Base, spec: RunSpec) -> Regulariser | None:
    """A run's rows; None where nothing holds it near its base.

    Raises:
        WorkerError: they are not what was planned, or cannot be answered by this model.
    """
    told, training = spec.regularise, spec.training
    if told is None or training is None:
        return None
    path = worker.run_paths(spec.run_id).regularise
    try:
        same = sha256(read_plain(path)).hexdigest() == told.sha256
    except OSError:
        same = False
    if not same:
        raise WorkerError(
            f"{path}, the rows that hold it near its base, is not what was planned.",
            title="Changed data",
            hint="Remove the run and start it again.",
        )
    dataset = load_examples(
        path, base.tokenizer, training, spec.mask_version, base.vocabulary, base.context
    )
    # Not the order of the data: with two files of one length that would pair them.
    seed = digest("regularise", spec.seeds.data_order, bits=31)
    return Regulariser(told.kl_to_base, dataset, Order(dataset.examples, training, seed))


def kl_backward(
    own: torch.Tensor,
    base: torch.Tensor,
    own_logits: Logits,
    base_logits: Logits,
    weights: torch.Tensor,
) -> torch.Tensor:
    """KL(adapter || base) of each token [tokens]; its gradient, weighted, goes on to `own`'s graph.

    Args:
        own: What the adapter's logits are made of, [tokens, width], with its graph.
        base: The same of the base, without.
        own_logits: Makes logits of some rows of `own`.
        base_logits: Of `base`.
        weights: What each token's counts in what is minimised, [tokens].
    """
    leaf = own.detach().requires_grad_()
    parts = []
    for rows in _chunks(len(own), own_logits, leaf):
        log_p = torch.log_softmax(own_logits(leaf[rows]).float(), dim=-1)  # [chunk, vocabulary]
        with torch.no_grad():
            log_q = torch.log_softmax(base_logits(base[rows]).float(), dim=-1)
        each = (log_p.exp() * (log_p - log_q)).sum(-1)  # [chunk]
        (each * weights[rows]).sum().backward()
        parts.append(each.detach())
    own.backward(leaf.grad)
    return torch.cat(parts)


def _chunks(count: int, logits: Logits, states: torch.Tensor) -> list[slice]:
    """So many tokens at a time that their logits stay small."""
    with torch.no_grad():
        vocabulary = logits(states[:1]).size(-1)
    size = max(1, CHUNK_BYTES // (4 * vocabulary))
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def unchanged(states: torch.Tensor) -> torch.Tensor:
    """Logits that are there already."""
    return states


def peft_kl(
    model: Any, ids: torch.Tensor, mask: torch.Tensor, at: torch.Tensor, weight: float
) -> float:
    """The sum of KL over tokens of a model with one adapter of PEFT's; its gradient is added.

    Args:
        model: The PEFT model.
        ids: [rows, tokens].
        mask: Of attention, the same.
        at: [rows, tokens], true at tokens that predict an answer's.
        weight: What each token counts.
    """

    def logits() -> torch.Tensor:
        said: torch.Tensor = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return said[at]

    with torch.no_grad(), model.disable_adapter():
        base = logits()
    own = logits()
    weights = own.new_full((len(own),), weight, dtype=torch.float32)
    return float(kl_backward(own, base, unchanged, unchanged, weights).sum())
