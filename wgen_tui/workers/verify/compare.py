"""How far two adapters of one shape are apart, as a share of what training changed.

Promises: what is compared is the change of the weights, ΔW = scaling x B x A, not A and B, which
many pairs of matrices share; all in float64, without ever building ΔW; an adapter with other
modules or shapes is refused, not compared in part.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from peft import LoraConfig

from wgen_tui.workers.runtime import WorkerError

Weights = Mapping[str, torch.Tensor]
PAIRS = (("lora_A.weight", "lora_B.weight"), ("lora_embedding_A", "lora_embedding_B"))


@dataclass(frozen=True)
class Difference:
    """How far apart two adapters are.

    Attributes:
        overall: ‖ΔW difference‖ / ‖update‖ over all modules.
        worst: The same of one module, where it is largest.
        module: That module.
    """

    overall: float
    worst: float
    module: str


def scaling(config: LoraConfig) -> float:
    """What PEFT multiplies B x A with."""
    root = math.sqrt(config.r) if config.use_rslora else config.r
    return float(config.lora_alpha / root)


def difference(
    one: Weights, other: Weights, initial: Weights, scale_one: float, scale_other: float
) -> Difference:
    """How far adapter `one` is from `other`, as a share of what changed in `other`.

    Args:
        one: An adapter's tensors, by the names of its file.
        other: Those of the adapter it is measured by.
        initial: Those of `other` before its training.
        scale_one: `scaling` of `one`.
        scale_other: That of `other`.

    Raises:
        WorkerError: they have not the same tensors, or one holds numbers that are not finite.
    """
    _refuse_unlike(one, other)
    apart = moved = worst = 0.0
    module = ""
    for name, keys in _modules(other):
        if keys is None:
            gap = _norm(one[name].double() - other[name].double())
            update = _norm(other[name].double() - initial[name].double())
        else:
            ours = _factors(one, keys, scale_one)
            theirs = _factors(other, keys, scale_other)
            gap = _product_gap(ours, theirs)
            update = _product_gap(theirs, _factors(initial, keys, scale_other))
        apart, moved = apart + gap**2, moved + update**2
        if (share := _share(gap, update)) >= worst:
            worst, module = share, name
    return Difference(_share(math.sqrt(apart), math.sqrt(moved)), worst, module)


def _refuse_unlike(one: Weights, other: Weights) -> None:
    unlike = sorted(one.keys() ^ other.keys()) or sorted(
        name for name in one if one[name].shape != other[name].shape
    )
    if unlike:
        raise WorkerError(
            f"The adapter has not the tensors that PEFT makes for this run: {unlike[0]} and "
            f"{len(unlike) - 1} others differ.",
            title="Another adapter",
        )
    broken = [name for name in one if not bool(torch.isfinite(one[name]).all())]
    if broken:
        raise WorkerError(
            f"The adapter holds numbers that are not finite, first in {broken[0]}.",
            title="Broken adapter",
        )


def _modules(weights: Weights) -> Iterator[tuple[str, tuple[str, str] | None]]:
    """The name of each LoRA module with its keys of A and B; any other tensor by itself."""
    for key in sorted(weights):
        for a, b in PAIRS:
            if key.endswith(a):
                yield key.removesuffix(f".{a}"), (key, key.removesuffix(a) + b)
                break
            if key.endswith(b):
                break
        else:
            yield key, None


def _factors(
    weights: Weights, keys: tuple[str, str], scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    a, b = (weights[key].double() for key in keys)
    return a, b * scale


def _product_gap(
    one: tuple[torch.Tensor, torch.Tensor], other: tuple[torch.Tensor, torch.Tensor]
) -> float:
    """‖B₁A₁ - B₂A₂‖: an orthogonal factor is left out, so that 2r rows stand for all."""
    (a1, b1), (a2, b2) = one, other
    _, triangle = torch.linalg.qr(torch.cat([b1, b2], 1))
    rank = b1.shape[1]
    return _norm(triangle[:, :rank] @ a1 - triangle[:, rank:] @ a2)


def _norm(tensor: torch.Tensor) -> float:
    return float(torch.linalg.vector_norm(tensor))


def _share(gap: float, update: float) -> float:
    return 0.0 if gap == 0 else gap / max(update, 1e-300)
