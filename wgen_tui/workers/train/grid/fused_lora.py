"""The LoRA of modules that read the same input, as one step of autograd.

Promises: what comes out, and the gradients, are those of the modules one by one, up to rounding.
Small models spend their time not in arithmetic but between operations: the queries, keys and values
of a layer, or the gate and up projections of an MLP, are therefore computed together (one product
for all their A's), and gradients go straight to where the optimiser finds them.

In shapes, K is adapters, R the rank, M the modules of a fusion, rows the tokens of one adapter.
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
class FusedWeights:
    """What a fusion computes with.

    Attributes:
        a: The A's of all modules and adapters [K, M·R, in].
        grad: Where its gradient is added.
        modules: Each with its B.
        scale: [K, 1, 1]; None where all adapters have `alpha`.
        alpha: 1 where `scale` says it.
    """

    a: torch.Tensor
    grad: torch.Tensor
    modules: Sequence[ModuleWeights]
    scale: torch.Tensor | None
    alpha: float


class _Fused(torch.autograd.Function):  # type: ignore[misc]
    """Rows grouped by adapter: W·x + alpha·B·A·x of every module.

    `anchor` is there for autograd, which asks for a backward pass only where an input wants one.
    """

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, anchor: torch.Tensor, weights: FusedWeights
    ) -> tuple[torch.Tensor, ...]:
        count, columns, ins = weights.a.shape
        rank = columns // len(weights.modules)
        flat = x.reshape(-1, ins)
        # One product for the A's of all modules: [K, rows, in] x [K, in, M·R] = [K, rows, M·R]
        ax = torch.bmm(flat.view(count, -1, ins), weights.a.transpose(1, 2))
        if weights.scale is not None:
            ax.mul_(weights.scale)
        outputs = []
        for number, module in enumerate(weights.modules):
            y = nn.functional.linear(x, module.base.weight, module.base.bias)
            module_ax = ax.narrow(2, number * rank, rank)  # [K, rows, R]
            rows = y.view(count, -1, y.size(-1))  # [K, rows, out]
            rows.baddbmm_(module_ax, module.b.transpose(1, 2), alpha=weights.alpha)
            outputs.append(y)
        ctx.save_for_backward(flat, ax)
        ctx.weights, ctx.shape = weights, x.shape
        ctx.set_materialize_grads(False)
        return tuple(outputs)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> tuple[torch.Tensor | None, None, None]:
        weights: FusedWeights = ctx.weights
        flat, ax = ctx.saved_tensors
        count, columns, ins = weights.a.shape
        rank, alpha = columns // len(weights.modules), weights.alpha
        grad_x = None
        grads_ax = []
        for number, (module, grad) in enumerate(zip(weights.modules, grads, strict=True)):
            module_ax = ax.narrow(2, number * rank, rank)
            if grad is None:  # the loss does not depend on this module
                grads_ax.append(torch.zeros_like(module_ax))
                continue
            grad = grad.reshape(-1, grad.size(-1))
            # Through the frozen weights of the base.
            if ctx.needs_input_grad[0]:
                weight = module.base.weight
                grad_x = torch.mm(grad, weight) if grad_x is None else grad_x.addmm_(grad, weight)
            # B's gradient, [K, out, R], and what goes on to A, [K, rows, R].
            rows = grad.view(count, -1, grad.size(-1))  # [K, rows, out]
            module.grad.add_(torch.bmm(rows.transpose(1, 2), module_ax), alpha=alpha)
            grads_ax.append(torch.bmm(rows, module.b))
        grad_ax = grads_ax[0] if len(grads_ax) == 1 else torch.cat(grads_ax, 2)  # [K, rows, M·R]
        if weights.scale is not None:
            grad_ax.mul_(weights.scale)
        # The gradient of all A's at once, [K, M·R, in].
        rows = flat.view(count, -1, ins)
        weights.grad.add_(torch.bmm(grad_ax.transpose(1, 2), rows), alpha=alpha)
        if grad_x is None:
            return None, None, None
        grad_x.view(count, -1, ins).baddbmm_(grad_ax, weights.a, alpha=alpha)
        return grad_x.view(ctx.shape), None, None


class Fusion:
    """Modules that read the same input: the first that is called computes for all."""

    def __init__(self, weights: FusedWeights) -> None:
        self._weights = weights
        self._anchor = torch.empty(0, requires_grad=True)
        self._input: Any = None  # a tensor
        self._version = 0
        self._ready: dict[int, torch.Tensor] = {}

    def takes(self, x: torch.Tensor) -> bool:
        """Whether this pass is one for it: with gradients, in the precision of the adapters."""
        return bool(torch.is_grad_enabled() and x.dtype == self._weights.a.dtype)

    def output(self, number: int, x: torch.Tensor) -> torch.Tensor:
        """The output of module `number` of it."""
        if x is not self._input or x._version != self._version or number not in self._ready:
            self._ready = dict(enumerate(_Fused.apply(x, self._anchor, self._weights)))
            self._input, self._version = x, x._version
        output = self._ready.pop(number)
        if not self._ready:
            self._input = None
        return output


def fusible(module: nn.Module, dtype: torch.dtype) -> bool:
    """Whether a module is a plain product with weights that are not trained."""
    return type(module) is nn.Linear and module.weight.dtype == dtype


def shared_inputs(model: Any, shapes: Mapping[str, tuple[int, int]]) -> list[list[str]]:
    """Neighbours in `shapes` that read the same tensor, found out by trying; each module once."""
    input_of: dict[str, int] = {}
    inputs: list[torch.Tensor] = []  # kept, so that no other tensor gets the identity of one

    def note(name: str) -> Any:
        def hook(_module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
            if args:
                inputs.append(args[0])
                input_of[name] = id(args[0])

        return hook

    hooks = [model.get_submodule(name).register_forward_pre_hook(note(name)) for name in shapes]
    try:
        with torch.inference_mode():
            model(input_ids=torch.arange(3, device=model.device)[None], use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    names: Iterable[str] = shapes
    return [list(group) for _, group in groupby(names, key=lambda name: input_of.get(name, name))]
