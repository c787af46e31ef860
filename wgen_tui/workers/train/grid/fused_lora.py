"""The LoRA of modules that read the same input, as one step of autograd.

Promises: what comes out, and the gradients, are those of the modules one by one, up to rounding.
Small models spend their time not in arithmetic but between operations: the queries, keys and values
of a layer, or the two halves of a gated MLP, are therefore computed together (one product for all
their A's), and gradients go straight to where the optimiser finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import nn


@dataclass
class ModuleWeights:
    """One module's part of a fusion.

    Attributes:
        base: The frozen module.
        b: B of all adapters [K, out, R].
        grad: Where its gradient is added.
    """

    base: nn.Linear
    b: torch.Tensor
    grad: torch.Tensor


@dataclass
class Weights:
    """What a fusion computes with.

    Attributes:
        a: The A's of all modules and adapters [K, modules·R, in].
        grad: Where its gradient is added.
        scale: [K, 1, 1]; None where all adapters have `alpha`.
        alpha: 1 where `scale` says it.
    """

    a: torch.Tensor
    grad: torch.Tensor
    halves: Sequence[ModuleWeights]
    scale: torch.Tensor | None
    alpha: float


class _Fused(torch.autograd.Function):  # type: ignore[misc]
    """Rows grouped by adapter: W·x + alpha·B·A·x of every module.

    `anchor` is there for autograd, which asks for a backward pass only where an input wants one.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, anchor: torch.Tensor, weights: Weights
    ) -> tuple[torch.Tensor, ...]:
        count, columns, wide = weights.a.shape
        rank = columns // len(weights.halves)
        flat = x.reshape(-1, wide)
        inner = torch.bmm(flat.view(count, -1, wide), weights.a.transpose(1, 2))
        if weights.scale is not None:
            inner.mul_(weights.scale)
        outputs = []
        for number, half in enumerate(weights.halves):
            y = nn.functional.linear(x, half.base.weight, half.base.bias)
            own = inner.narrow(2, number * rank, rank)
            rows = y.view(count, -1, y.size(-1))
            rows.baddbmm_(own, half.b.transpose(1, 2), alpha=weights.alpha)
            outputs.append(y)
        ctx.save_for_backward(flat, inner)
        ctx.weights, ctx.shape = weights, x.shape
        ctx.set_materialize_grads(False)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> tuple[torch.Tensor | None, None, None]:
        weights: Weights = ctx.weights
        flat, inner = ctx.saved_tensors
        count, columns, wide = weights.a.shape
        rank, alpha = columns // len(weights.halves), weights.alpha
        below = None
        parts = []
        for number, (half, grad) in enumerate(zip(weights.halves, grads, strict=True)):
            own = inner.narrow(2, number * rank, rank)
            if grad is None:
                parts.append(torch.zeros_like(own))
                continue
            grad = grad.reshape(-1, grad.size(-1))
            if ctx.needs_input_grad[0]:
                weight = half.base.weight
                below = torch.mm(grad, weight) if below is None else below.addmm_(grad, weight)
            rows = grad.view(count, -1, grad.size(-1))
            half.grad.add_(torch.bmm(rows.transpose(1, 2), own), alpha=alpha)
            parts.append(torch.bmm(rows, half.b))
        outer = parts[0] if len(parts) == 1 else torch.cat(parts, 2)
        if weights.scale is not None:
            outer.mul_(weights.scale)
        rows = flat.view(count, -1, wide)
        weights.grad.add_(torch.bmm(outer.transpose(1, 2), rows), alpha=alpha)
        if below is None:
            return None, None, None
        below.view(count, -1, wide).baddbmm_(outer, weights.a, alpha=alpha)
        return below.view(ctx.shape), None, None


class Fusion:
    """Modules that read the same input: the first that is called computes for all."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._anchor = torch.empty(0, requires_grad=True)
        self._input: Any = None  # a tensor
        self._version = 0
        self._ready: dict[int, torch.Tensor] = {}

    def takes(self, x: torch.Tensor) -> bool:
        """Whether this pass is one for it: with gradients, in the precision of the adapters."""
        return bool(torch.is_grad_enabled() and x.dtype == self._weights.a.dtype)

    def output(self, number: int, x: torch.Tensor) -> torch.Tensor:
        """The output of the module that is the `number`-th of it."""
        if x is not self._input or x._version != self._version or number not in self._ready:
            self._ready = dict(enumerate(_Fused.apply(x, self._anchor, self._weights)))
            self._input, self._version = x, x._version
        found = self._ready.pop(number)
        if not self._ready:
            self._input = None
        return found


def fusible(module: nn.Module, dtype: torch.dtype) -> bool:
    """Whether a module is a plain product with weights that are not trained."""
    return type(module) is nn.Linear and module.weight.dtype == dtype


def shared_inputs(model: Any, shapes: Mapping[str, tuple[int, int]]) -> list[list[str]]:
    """Neighbours in `shapes` that read the same tensor, seen by trying; each module in one list."""
    seen: dict[str, int] = {}
    inputs: list[torch.Tensor] = []  # kept, so that no other tensor gets the identity of one

    def note(name: str) -> Any:
        def hook(_module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
            if args:
                inputs.append(args[0])
                seen[name] = id(args[0])

        return hook

    hooks = [model.get_submodule(name).register_forward_pre_hook(note(name)) for name in shapes]
    try:
        with torch.inference_mode():
            model(input_ids=torch.arange(3, device=model.device)[None], use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    names: Iterable[str] = shapes
    return [list(run) for _, run in groupby(names, key=lambda name: seen.get(name, name))]
