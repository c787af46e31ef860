"""The gradients of one step: forward and backward through the stack for every run at once.

Promises: each run's loss is the mean over its own trained tokens by their weights, its gradient its
own; the host
waits for the device once in a step, however many runs there are, and has the next step's batch on
its way by then.

In shapes, K is the adapters in the stack and width the weights of one of them, all in one row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from wgen_tui.protocol.hashes import digest
from wgen_tui.workers.arms.regulariser import kl_backward
from wgen_tui.workers.device.graphs import Graphs, graphs_wanted
from wgen_tui.workers.device.transfer import Download, upload
from wgen_tui.workers.models import Base, drops_at_random
from wgen_tui.workers.recipe import seed_step
from wgen_tui.workers.train.grid.batch import Batches, CollatedBatch, Head, loss_sums, route
from wgen_tui.workers.train.grid.dropout import Dropper
from wgen_tui.workers.train.grid.grid_run import GridRun
from wgen_tui.workers.train.grid.stack import Stack
from wgen_tui.workers.train.grid.step_batch import StepBatch

HELD = 1 << 20  # what is dropped in passes over rows that hold runs near their base: not as before


@dataclass(frozen=True)
class StepGradients:
    """What a step found; the gradients themselves are in the stack.

    Attributes:
        losses: Of each run.
        norms: Of each run's gradient.
        kls: To the base, the mean over tokens; None for runs that nothing holds near it.
        device_norms: The same on the device [K].
    """

    losses: list[float]
    norms: list[float]
    kls: list[float | None]
    device_norms: torch.Tensor

    @property
    def not_finite(self) -> list[bool]:
        """Which runs have no gradient to go by."""
        pairs = zip(self.losses, self.norms, strict=True)
        return [not (math.isfinite(loss) and math.isfinite(norm)) for loss, norm in pairs]


class Gradients:
    """Computes them for one stack on one base.

    Attributes:
        graphs: The CUDA graphs of its passes; None where none are wanted or none can be.
    """

    def __init__(
        self,
        base: Base,
        stack: Stack,
        head: Head,
        note: Callable[[str], None],
        *,
        checkpointing: bool,
    ) -> None:
        self._base = base
        self._stack = stack
        self._head = head
        # Checkpointing reads the state of random numbers on the host, and so does dropout.
        able = base.device.type == "cuda" and not checkpointing and not drops_at_random(base.model)
        self.graphs = Graphs(note) if able and graphs_wanted(to_draw=False) else None

    def step(
        self, runs: Sequence[GridRun], batch: StepBatch, meanwhile: Callable[[], None]
    ) -> StepGradients:
        """Fill the stack's gradients.

        Args:
            runs: Of each slot.
            batch: What they train on.
            meanwhile: Called once everything is asked for, before the device is waited for.
        """
        stack, grads, device = self._stack, self._stack.grads, self._base.device
        assert grads is not None
        grads.zero_()  # [K, width]

        # Each run's loss is the mean over its own trained tokens by their weights, times its loss
        # scale (fp16).
        fp16 = self._base.precision == "fp16"
        scales = [g.loss_scale.scale if fp16 else 1.0 for g in runs]
        sums = [weight or 1.0 for weight in batch.weights]
        weights, divisors, unscale = upload(
            torch.tensor([[s / n for s, n in zip(scales, sums, strict=True)], sums, scales]),
            device,
        )  # each [K]
        total = torch.zeros(len(runs), device=device)  # [K]
        for number, (batches, collated) in enumerate(
            zip(batch.passes, batch.collated, strict=True)
        ):
            self._seed(runs, collated, number)
            total += self._pass(collated, weights)
            _note_pass(runs, batches, collated)
        kl = self._kl(runs, batch, scales)

        norms = torch.linalg.vector_norm(grads, dim=1)  # [K]
        if fp16:
            grads.div_(unscale[:, None])
            norms = norms / unscale
        numbers = Download(torch.stack([total / divisors, norms, kl]))
        meanwhile()
        (all_three,) = numbers.wait()  # the one wait of a step
        losses, norm_list, kls = all_three.tolist()
        stack.routing.dropout = None
        held = [None if g.run.regulariser is None else k for g, k in zip(runs, kls, strict=True)]
        return StepGradients(losses, norm_list, held, norms)

    def _kl(
        self, runs: Sequence[GridRun], batch: StepBatch, scales: Sequence[float]
    ) -> torch.Tensor:
        """KL to the base of each run [K], the mean over its tokens; its gradient is added."""
        total = torch.zeros(len(runs), device=self._base.device)
        if not batch.held:
            return total
        tokens = [count or 1 for count in batch.held_tokens]
        betas = [g.run.regulariser.beta if g.run.regulariser else 0.0 for g in runs]
        each = [s * b / n for s, b, n in zip(scales, betas, tokens, strict=True)]
        weights, divisors = upload(torch.tensor([each, tokens]), self._base.device)  # [K] each
        for number, collated in enumerate(batch.held_collated):
            self._seed(runs, collated, HELD + number)
            total += kl_sums(self._base.model, self._head, self._stack, collated, weights)
        return total / divisors

    def _pass(self, batch: CollatedBatch, weights: torch.Tensor) -> torch.Tensor:
        """One pass forward and backward: the loss summed over each run's labels [K]."""
        if self.graphs is None or batch.is_packed or self._stack.routing.dropout is not None:
            return self._forward_backward(batch, weights)

        def work(
            ids: torch.Tensor,
            positions: torch.Tensor,
            labels: torch.Tensor,
            slots: torch.Tensor,
            weights: torch.Tensor,
            *of_labels: torch.Tensor,
        ) -> torch.Tensor:
            own = of_labels[0] if of_labels else None
            fixed = CollatedBatch(ids, None, positions, labels, slots, own, None, batch.spans, 0)
            return self._forward_backward(fixed, weights)

        columns = (batch.label_positions, batch.labels, batch.label_slots)
        of_labels = () if batch.label_weights is None else (batch.label_weights,)
        return self.graphs.run(work, batch.ids, *columns, weights, *of_labels)

    def _forward_backward(self, batch: CollatedBatch, weights: torch.Tensor) -> torch.Tensor:
        sums = loss_sums(self._head, self._stack, batch)  # [K]
        # Runs share no weight, so the gradient of the sum is each run's own gradient.
        (sums * weights).sum().backward()
        return sums.detach()

    def _seed(self, runs: Sequence[GridRun], batch: CollatedBatch, number: int) -> None:
        """Let what is dropped follow from each run's own seed, step and batch."""
        rates = [g.run.training.lora.lora_dropout for g in runs]
        self._stack.routing.dropout = None
        if any(rates):
            keys = [(g.run.spec.seeds.lora_init, g.run.step, number) for g in runs]
            self._stack.routing.dropout = Dropper(batch, rates, keys)
        # What the base itself draws cannot be each run's own: it follows the first.
        first = runs[0].run
        seed_step(
            self._base, digest("step", first.spec.seeds.lora_init, first.step, number, bits=62)
        )


def _note_pass(runs: Sequence[GridRun], batches: Batches, batch: CollatedBatch) -> None:
    computed_per_token = batch.ids.numel() / batch.tokens
    for grid_run, own in zip(runs, batches, strict=True):
        own_tokens = sum(len(example.ids) for example in own)
        grid_run.provenance.note(len(runs), own_tokens, computed_per_token, packed=batch.is_packed)


def kl_sums(
    model: Any, head: Head, stack: Stack, batch: CollatedBatch, weights: torch.Tensor
) -> torch.Tensor:
    """KL of each slot, summed over its answers' tokens: [K]; its weighted gradient is added.

    Args:
        model: The base, with the stack on it, in training mode.
        head: Its head.
        stack: The adapters.
        batch: The rows; a slot whose run is not held near its base has none.
        weights: What a token of each slot counts in what is minimised [K].
    """
    # 1. What the base says, once for all slots; what it may drop at random stays in.
    dropout, stack.routing.dropout = stack.routing.dropout, None
    stack.routing.mode = "base"
    model.eval()
    with torch.no_grad():
        base = head.states(batch)
    model.train()

    # 2. What each adapter says, and the gradient of the difference.
    stack.routing.dropout = dropout
    route(stack, batch)
    own = head.states(batch)
    slots = batch.label_slots
    each = kl_backward(own, base, head.of_states, head.of_states, weights[slots])
    return each.new_zeros(len(weights)).index_add(0, slots, each)
