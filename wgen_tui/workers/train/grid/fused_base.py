"""Parts of a frozen base with fewer operations, while a stack trains on it.

Promises: what comes out, and its gradients, are the same up to rounding; each part is tried beside
the model's own before it stands in for it, and a model whose parts are not alike keeps its own; all
of it is undone at the end. Only float32 with gradients goes this way: in half precision the order
of rounding is the model's.

Norms and rotary positions are a dozen operations each in transformers, each with its own step of
autograd: a fifth of the time of a small model's training on a CPU.
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
        share = torch.linalg.vecdot(grad, x)[..., None].mul_(root).mul_(root)
        return grad.addcmul_(x, share, value=-1).mul_(root), None, None


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


def _ours(*tensors: torch.Tensor) -> bool:
    return torch.is_grad_enabled() and all(one.dtype == torch.float32 for one in tensors)


def fused_norm(norm: Any) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """What computes as this module does; None where it is no such norm."""
    weight, epsilon = getattr(norm, "weight", None), getattr(norm, "variance_epsilon", None)
    if epsilon is None or not isinstance(weight, nn.Parameter) or weight.dim() != 1:
        return None
    own, width = norm.forward, weight.numel()
    wider = weight.detach() * math.sqrt(width)

    def forward(x: torch.Tensor, *rest: Any, **more: Any) -> torch.Tensor:
        if rest or more or not _ours(x, wider):
            return own(x, *rest, **more)
        return _Norm.apply(x, wider, epsilon * width)

    x = _probe(3, width).to(weight)
    return forward if _alike((own, forward), x) else None


def fused_rotary(own: Callable[..., Pair]) -> Callable[..., Pair] | None:
    """What computes as this function of a model does; None where it is another."""

    def rotary(
        q: torch.Tensor,
        k: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        *rest: Any,
        **more: Any,
    ) -> Pair:
        if rest or more or not _ours(q, k, cos, sin) or cos.size(-1) != q.size(-1):
            return own(q, k, cos, sin, *rest, **more)
        turned: Pair = _Rotary.apply(q, k, cos.unsqueeze(1), sin.unsqueeze(1))
        return turned

    q, k, angles = _probe(2, 4, 3, 8), _probe(2, 2, 3, 8) + 1, _probe(1, 3, 8)
    try:
        return rotary if _alike((own, rotary), q, k, angles.cos(), angles.sin()) else None
    except (TypeError, RuntimeError):  # it takes something else
        return None


def _probe(*shape: int) -> torch.Tensor:
    """Numbers without a pattern, the same each time; torch's own generator stays as it is."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator)


def _alike(both: tuple[Callable[..., Any], Callable[..., Any]], *args: torch.Tensor) -> bool:
    """Whether two functions give the same with gradients."""
    args = tuple(arg.requires_grad_(number == 0) for number, arg in enumerate(args))
    with torch.enable_grad():
        found = [torch.cat([torch.flatten(one) for one in _each(do(*args))]) for do in both]
    slopes = [torch.autograd.grad(one.square().sum(), args[0])[0] for one in found]
    return bool(torch.allclose(*found, atol=1e-5) and torch.allclose(*slopes, atol=1e-4))


def _each(made: Any) -> tuple[torch.Tensor, ...]:
    return made if isinstance(made, tuple) else (made,)


@contextmanager
def fused_ops(model: Any) -> Iterator[None]:
    """The model with lighter parts, as far as it has any that are known."""
    changed: list[nn.Module] = []
    rotaries: list[tuple[Any, Callable[..., Pair]]] = []
    modules = list(model.modules())
    try:
        for module in modules:
            if "forward" not in vars(module) and (light := fused_norm(module)) is not None:
                module.forward = light
                changed.append(module)
        for name in {type(module).__module__ for module in modules}:
            home = sys.modules[name]
            own = getattr(home, ROTARY, None)
            if own is not None and (rotary := fused_rotary(own)) is not None:
                setattr(home, ROTARY, rotary)
                rotaries.append((home, own))
        yield
    finally:
        for module in changed:
            del module.forward
        for home, own in rotaries:
            setattr(home, ROTARY, own)
