"""AdamW for K adapters at once, each with its own rate, decay, clipping, step count and loss scale.

Promises: every adapter's step is that of torch.optim.AdamW behind torch's clip_grad_norm_ on that
adapter alone (Loshchilov and Hutter 2019, arXiv 1711.05101); under fp16 its loss scale goes up and
down as torch's GradScaler does it, by its own overflows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from experiments.schema import TrainingConfig
from wgen_tui.workers.device.transfer import upload

CLIP_EPSILON = 1e-6  # as in torch.nn.utils.clip_grad_norm_
FIRST_SCALE, GROWTH, BACKOFF, GROWTH_INTERVAL = 2.0**16, 2.0, 0.5, 2000  # as in GradScaler


@dataclass
class LossScale:
    """One adapter's loss scale under fp16."""

    scale: float = FIRST_SCALE
    good: int = 0

    def update(self, *, overflow: bool) -> None:
        """Adapt to how a step went."""
        if overflow:
            self.scale *= BACKOFF
            self.good = 0
            return
        self.good += 1
        if self.good == GROWTH_INTERVAL:
            self.scale *= GROWTH
            self.good = 0


@dataclass(frozen=True)
class AdamWSettings:
    """The settings of K adapters; what is a tensor is [K, 1]."""

    betas: Sequence[tuple[float, float]]
    decays: Sequence[float]
    one_minus_beta1: torch.Tensor  # 1 - beta1
    one_minus_beta2: torch.Tensor  # 1 - beta2
    epsilon: torch.Tensor
    clip: torch.Tensor

    @classmethod
    def of(cls, trainings: Sequence[TrainingConfig], device: torch.device) -> AdamWSettings:
        """Collect the settings of these trainings."""

        def column(values: list[float]) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)[:, None]

        return cls(
            [(t.adam_beta1, t.adam_beta2) for t in trainings],
            [t.weight_decay for t in trainings],
            column([1 - t.adam_beta1 for t in trainings]),
            column([1 - t.adam_beta2 for t in trainings]),
            column([t.adam_epsilon for t in trainings]),
            column([torch.inf if t.max_grad_norm is None else t.max_grad_norm for t in trainings]),
        )

    def factors(
        self, rates: Sequence[float], steps: Sequence[int]
    ) -> tuple[list[float], list[float], list[float]]:
        """What a step multiplies with, by adapter, worked out in double precision.

        Returns:
            The factor that weight decay leaves of the weights; the bias correction of exp_avg_sq's
            root (it goes to the epsilon and the step size instead); the step size so corrected,
            negative.
        """
        each = zip(self.betas, self.decays, rates, steps, strict=True)
        decayed, corrections, step_sizes = [], [], []
        for (beta1, beta2), decay, rate, step in each:
            decayed.append(1 - rate * decay)
            corrections.append(math.sqrt(1 - beta2**step) if step else 1.0)
            step_sizes.append(-rate / (1 - beta1**step) * corrections[-1] if step else 0.0)
        return decayed, corrections, step_sizes


def adamw(
    rows: torch.Tensor,
    grads: torch.Tensor,
    exp_avg: torch.Tensor,
    exp_avg_sq: torch.Tensor,
    settings: AdamWSettings,
    norms: torch.Tensor,
    rates: Sequence[float],
    steps: Sequence[int],
) -> None:
    """Do one step in place.

    Args:
        rows: Weights [K, width].
        grads: Gradients [K, width]; they are used up: the step is worked out in their memory.
        exp_avg: First moments [K, width].
        exp_avg_sq: Second moments [K, width].
        settings: Of each adapter.
        norms: Norm of each adapter's gradient [K].
        rates: Learning rate of each adapter; 0 with step 0 leaves an adapter alone.
        steps: Number of this step of each adapter, from 1; 0 to leave it alone.
    """
    factors = upload(torch.tensor(settings.factors(rates, steps)), rows.device)
    decayed, correction, step_size = factors[..., None]  # each [K, 1]
    # Cheaper than leaving rows out: they are put back as they were.
    idle = [slot for slot, number in enumerate(steps) if number == 0]
    before = [(part, part[idle].clone()) for part in (rows, exp_avg, exp_avg_sq)] if idle else []
    # Clipping, as clip_grad_norm_ does it: each adapter by its own norm.
    grads.mul_((settings.clip / (norms[:, None] + CLIP_EPSILON)).clamp_(max=1.0))
    if any(settings.decays):
        rows.mul_(decayed)
    # The moments, then the step; from here on `grads` is scratch memory.
    exp_avg.lerp_(grads, settings.one_minus_beta1.expand_as(grads))
    exp_avg_sq.lerp_(grads.square_(), settings.one_minus_beta2.expand_as(grads))
    denominator = torch.sqrt(exp_avg_sq, out=grads).add_(settings.epsilon * correction)
    rows.addcmul_(torch.div(exp_avg, denominator, out=grads), step_size)
    for part, values in before:
        part[idle] = values
