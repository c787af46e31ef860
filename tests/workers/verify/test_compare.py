"""The distance of two adapters is that of what they do to the weights."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig

from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.verify.compare import difference, scaling

Weights = dict[str, torch.Tensor]


def adapter(seed: int, modules: int = 3, rank: int = 4) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    made: Weights = {}
    for number in range(modules):
        made[f"m{number}.lora_A.weight"] = torch.randn(rank, 20, generator=generator)
        made[f"m{number}.lora_B.weight"] = torch.randn(30, rank, generator=generator)
    return made


def untrained(weights: Weights) -> Weights:
    return {name: w if "_A" in name else torch.zeros_like(w) for name, w in weights.items()}


def product(weights: Weights, module: str) -> torch.Tensor:
    a, b = (weights[f"{module}.lora_{which}.weight"].double() for which in "AB")
    return b @ a


def test_it_is_the_norm_of_the_products_difference() -> None:
    one, other = adapter(0), adapter(1)
    found = difference(one, other, untrained(other), 2.0, 0.5)
    gaps = [2 * product(one, m) - 0.5 * product(other, m) for m in ("m0", "m1", "m2")]
    updates = [0.5 * product(other, m) for m in ("m0", "m1", "m2")]
    whole = torch.stack(gaps).norm() / torch.stack(updates).norm()
    assert found.overall == pytest.approx(float(whole), rel=1e-12)
    shares = [float(g.norm() / u.norm()) for g, u in zip(gaps, updates, strict=True)]
    assert found.worst == pytest.approx(max(shares), rel=1e-12)
    assert found.module == f"m{shares.index(max(shares))}"


def test_other_factors_of_the_same_product_are_no_difference() -> None:
    one = adapter(0)
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.double))[0]
    other = {
        name: (turn.T @ w.double() if "_A" in name else w.double() @ turn)
        for name, w in one.items()
    }
    assert difference(other, one, untrained(one), 1.0, 1.0).overall < 1e-14


def test_a_hundredth_more_is_a_hundredth() -> None:
    one = adapter(0)
    more = {name: w * (1.01 if "_B" in name else 1) for name, w in one.items()}
    assert difference(more, one, untrained(one), 1, 1).overall == pytest.approx(0.01, rel=1e-4)
    assert difference(one, one, untrained(one), 1.01, 1).worst == pytest.approx(0.01)
    assert difference(one, one, untrained(one), 1, 1).overall < 1e-14


def test_what_is_no_pair_is_compared_by_itself() -> None:
    one, other = adapter(0), adapter(0)
    start = untrained(one) | {"head.weight": torch.zeros(5, 5)}
    one["head.weight"], other["head.weight"] = torch.eye(5) * 1.5, torch.eye(5)
    found = difference(one, other, start, 1, 1)
    assert found.module == "head.weight"
    assert found.worst == pytest.approx(0.5)


def test_embeddings_are_a_pair_too() -> None:
    one = {"e.lora_embedding_A": torch.ones(2, 9), "e.lora_embedding_B": torch.ones(6, 2)}
    start = {**one, "e.lora_embedding_B": torch.zeros(6, 2)}
    assert difference(one, one, start, 2, 1).overall == pytest.approx(1)


@pytest.mark.parametrize("what", ["missing", "shape", "nan"])
def test_another_adapter_is_refused(what: str) -> None:
    one, other = adapter(0), adapter(0)
    if what == "missing":
        del one["m1.lora_B.weight"]
    elif what == "shape":
        one["m1.lora_B.weight"] = torch.zeros(30, 5)
    else:
        one["m1.lora_B.weight"] = one["m1.lora_B.weight"] * float("nan")
    with pytest.raises(WorkerError, match=r"m1\.lora_B"):
        difference(one, other, untrained(other), 1, 1)


def test_scaling_is_pefts() -> None:
    assert scaling(LoraConfig(r=8, lora_alpha=16)) == 2
    assert scaling(LoraConfig(r=16, lora_alpha=16, use_rslora=True)) == 4
