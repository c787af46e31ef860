"""AdamW for K adapters at once, each with its own rate, decay, clipping, step count and loss scale.

Promises: every adapter's step is that of torch.optim.AdamW behind torch's clip_grad_norm_ on that
adapter alone (Loshchilov and Hutter 2019, arXiv 1711.05101); under fp16 its loss scale goes up and
down as torch's GradScaler does it, by its own overflows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from experiments.schema import TrainingConfig

CLIP_EPSILON = 1e-6  # as in torch.nn.utils.clip_grad_norm_
FIRST_SCALE, GROWTH, BACKOFF, GROWTH_INTERVAL = 2.0**16, 2.0, 0.5, 2000  # as in GradScaler


@dataclass
class LossScale:
    """One adapter's loss scale under fp16."""

    scale: float = FIRST_SCALE
    good: int = 0

    def update(self, *, overflow: bool) -> None:
        """Take note of a step."""
        if overflow:
            self.scale *= BACKOFF
            self.good = 0
            return
        self.good += 1
        if self.good == GROWTH_INTERVAL:
            self.scale *= GROWTH
            self.good = 0


@dataclass(frozen=True)
class Knobs:
    """The settings of K adapters, each [K, 1]."""

    beta1: torch.Tensor
    beta2: torch.Tensor
    epsilon: torch.Tensor
    decay: torch.Tensor
    clip: torch.Tensor

    @classmethod
    def of(cls, trainings: Sequence[TrainingConfig], device: torch.device) -> Knobs:
        """Collect the settings of these trainings."""

        def column(values: list[float]) -> torch.Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)[:, None]

        return cls(
            column([t.adam_beta1 for t in trainings]),
            column([t.adam_beta2 for t in trainings]),
            column([t.adam_epsilon for t in trainings]),
            column([t.weight_decay for t in trainings]),
            column([torch.inf if t.max_grad_norm is None else t.max_grad_norm for t in trainings]),
        )


def adamw(
    rows: torch.Tensor,
    grads: torch.Tensor,
    means: torch.Tensor,
    squares: torch.Tensor,
    knobs: Knobs,
    norms: torch.Tensor,
    rates: Sequence[float],
    steps: Sequence[int],
) -> None:
    """Do one step in place.

    Args:
        rows: Weights [K, width].
        grads: Gradients [K, width]; clipped in place.
        means: First moments [K, width].
        squares: Second moments [K, width].
        knobs: Settings.
        norms: Norm of each adapter's gradient [K].
        rates: Learning rate of each adapter; 0 with step 0 leaves an adapter alone.
        steps: Number of this step of each adapter, from 1; 0 to leave it alone.
    """
    device = rows.device
    rate, step = torch.tensor([rates, steps], dtype=torch.float64, device=device)[..., None]
    idle = [slot for slot, number in enumerate(steps) if number == 0]
    kept = [(part, part[idle].clone()) for part in (rows, means, squares)] if idle else []
    grads.mul_((knobs.clip / (norms[:, None] + CLIP_EPSILON)).clamp_(max=1.0))
    rows.mul_((1 - rate * knobs.decay).to(rows.dtype))
    means.lerp_(grads, (1 - knobs.beta1).expand_as(grads))
    squares.mul_(knobs.beta2).addcmul_(grads * (1 - knobs.beta2), grads)
    correct1 = 1 - knobs.beta1.double() ** step
    correct2 = (1 - knobs.beta2.double() ** step).sqrt()
    root = squares.sqrt().div_(correct2.float()).add_(knobs.epsilon)
    rows.sub_((means / root).mul_((rate / correct1).float()))
    for part, before in kept:
        part[idle] = before
