"""Norms and rotary positions of a frozen base as one operation each, while a stack trains on it.

Promises: outputs and gradients are the same up to rounding; each part is compared with the model's
own before it replaces it, and a model whose parts differ keeps its own; all of it is undone at the
end. Only float32 with gradients goes this way: in half precision the order of rounding is the
model's.

In transformers they are a dozen operations each, each with its own step of autograd: a fifth of the
time of a small model's training on a CPU.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

ROTARY = "apply_rotary_pos_emb"  # the name of it in every model of transformers that has one
Pair = tuple[torch.Tensor, torch.Tensor]


class _Norm(torch.autograd.Function):  # type: ignore[misc]
    """Root mean square norm (Zhang and Sennrich 2019, arXiv 1910.07467) with a frozen weight."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, epsilon: float) -> torch.Tensor:
        # Sums in place of means: the weight and the epsilon that come have the width in them.
        root = torch.linalg.vecdot(x, x).add_(epsilon).rsqrt_()[..., None]
        ctx.save_for_backward(x, weight, root)
        return (x * root).mul_(weight)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        x, weight, root = ctx.saved_tensors
        grad = grad * weight
        # What of the gradient lies along x changes nothing: the norm takes it out again.
        along_x = torch.linalg.vecdot(grad, x)[..., None].mul_(root).mul_(root)
        return grad.addcmul_(x, along_x, value=-1).mul_(root), None, None


class _Rotary(torch.autograd.Function):  # type: ignore[misc]
    """Rotary positions (Su et al. 2021, arXiv 2104.09864), halves of a head turned together."""

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> Pair:
        ctx.save_for_backward(cos, sin)
        low, high = sin.chunk(2, -1)
        return _turn(q, cos, low, high, -1), _turn(k, cos, low, high, -1)

    @staticmethod
    def backward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        low, high = sin.chunk(2, -1)
        return _turn(q, cos, high, low, 1), _turn(k, cos, high, low, 1), None, None


def _turn(
    x: torch.Tensor, cos: torch.Tensor, low: torch.Tensor, high: torch.Tensor, sign: int
) -> torch.Tensor:
    """x·cos, and to each half the other half times sign·low or -sign·high."""
    turned = x * cos
    first, second = x.chunk(2, -1)
    to_first, to_second = turned.chunk(2, -1)
    to_first.addcmul_(second, low, value=sign)
    to_second.addcmul_(first, high, value=-sign)
    return turned


def _trains_in_fp32(*tensors: torch.Tensor) -> bool:
    return torch.is_grad_enabled() and all(one.dtype == torch.float32 for one in tensors)


def fused_norm(norm: Any) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """A forward that computes as this module's does; None where it is no such norm."""
    weight, epsilon = getattr(norm, "weight", None), getattr(norm, "variance_epsilon", None)
    if epsilon is None or not isinstance(weight, nn.Parameter) or weight.dim() != 1:
        return None
    original, width = norm.forward, weight.numel()
    scaled_weight = weight.detach() * math.sqrt(width)

    def forward(x: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        if rest or more or not _trains_in_fp32(x, scaled_weight):
            return original(x, *rest, **more)
        return _Norm.apply(x, scaled_weight, epsilon * width)

    x = _probe(3, width).to(weight)
    try:
        return forward if _same_results((original, forward), x) else None
    except (TypeError, RuntimeError):  # it takes something else, a gate beside the states
        return None


def fused_rotary(original: Callable[..., Pair]) -> Callable[..., Pair] | None:
    """A function that computes as this one of a model does; None where it does something else."""

    def rotary(
        q: torch.Tensor,
        k: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        *rest: Any,
        **more: Any,
    ) -> Pair:
        if rest or more or not _trains_in_fp32(q, k, cos, sin) or cos.size(-1) != q.size(-1):
            return original(q, k, cos, sin, *rest, **more)
        turned: Pair = _Rotary.apply(q, k, cos.unsqueeze(1), sin.unsqueeze(1))
        return turned

    q, k, angles = _probe(2, 4, 3, 8), _probe(2, 2, 3, 8) + 1, _probe(1, 3, 8)
    try:
        same = _same_results((original, rotary), q, k, angles.cos(), angles.sin())
        return rotary if same else None
    except (TypeError, RuntimeError):  # it takes something else
        return None


def _probe(*shape: int) -> torch.Tensor:
    """Numbers without a pattern, the same each time; torch's own generator stays as it is."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator)


def _same_results(both: tuple[Callable[..., Any], Callable[..., Any]], *args: torch.Tensor) -> bool:
    """Whether two functions have the same outputs and gradients."""
    args = tuple(arg.requires_grad_(number == 0) for number, arg in enumerate(args))
    with torch.enable_grad():
        outputs = [torch.cat([torch.flatten(t) for t in _as_tuple(do(*args))]) for do in both]
    grads = [torch.autograd.grad(output.square().sum(), args[0])[0] for output in outputs]
    return bool(torch.allclose(*outputs, atol=1e-5) and torch.allclose(*grads, atol=1e-4))


def _as_tuple(output: Any) -> tuple[torch.Tensor, ...]:
    return output if isinstance(output, tuple) else (output,)


@contextmanager
def fused_ops(model: Any) -> Iterator[None]:
    """The model with fused norms and rotary positions, as far as its own are known."""
    changed: list[nn.Module] = []
    rotaries: list[tuple[Any, Callable[..., Pair]]] = []  # (Python module, its own function)
    modules = list(model.modules())
    try:
        for module in modules:
            if "forward" not in vars(module) and (forward := fused_norm(module)) is not None:
                module.forward = forward
                changed.append(module)
        for name in {type(module).__module__ for module in modules}:
            source = sys.modules[name]
            original = getattr(source, ROTARY, None)
            if original is not None and (rotary := fused_rotary(original)) is not None:
                setattr(source, ROTARY, rotary)
                rotaries.append((source, original))
        yield
    finally:
        for module in changed:
            del module.forward
        for source, original in rotaries:
            setattr(source, ROTARY, original)
