"""Muon for the matrices of a small model: momentum, orthogonalised by Newton-Schulz.

After Keller Jordan, https://kellerjordan.github.io/posts/muon/. Matrices of one shape are
stacked and orthogonalised together, which is what makes it cheap on a CPU.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEPS = 5


def orthogonalise(stack: torch.Tensor) -> torch.Tensor:
    """Move the singular values of every matrix [n, rows, columns] towards one."""
    a, b, c = COEFFICIENTS
    tall = stack.size(-2) > stack.size(-1)
    x = stack.mT if tall else stack
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


class Muon:
    """The optimiser; weight decay is decoupled, as in AdamW."""

    def __init__(
        self,
        parameters: Iterable[torch.nn.Parameter],
        momentum: float = 0.95,
        weight_decay: float = 0.0,
    ) -> None:
        groups: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
        for parameter in parameters:
            groups[parameter.shape].append(parameter)
        self._groups = [(group, torch.zeros(len(group), *shape)) for shape, group in groups.items()]
        self._momentum = momentum
        self._weight_decay = weight_decay

    def step(self, learning_rate: float) -> None:
        """Update the parameters from their gradients."""
        with torch.no_grad():
            self._step(learning_rate)

    def _step(self, learning_rate: float) -> None:
        for group, average in self._groups:
            gradient = torch.stack([p.grad for p in group if p.grad is not None])
            average.lerp_(gradient, 1 - self._momentum)
            update = orthogonalise(gradient.lerp(average, self._momentum))
            rows, columns = update.shape[-2:]
            update *= learning_rate * max(1.0, rows / columns) ** 0.5
            for parameter, change in zip(group, update, strict=True):
                parameter.mul_(1 - learning_rate * self._weight_decay).sub_(change)
