"""Where the host waits for the device in a step of training or decoding: only at named places.

Counted on a CPU, where the same calls are made (tests/builders/host_waits.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from experiments.schema import SamplingConfig
from tests.builders.host_waits import HostWaits
from tests.builders.training_home import TrainingHome
from wgen_tui.workers.adapters import Adapter
from wgen_tui.workers.sample.engine import rng
from wgen_tui.workers.sample.engine.decode import Decoding, Request, SamplingParams
from wgen_tui.workers.sample.engine.forward import ModelRunner
from wgen_tui.workers.sample.engine.multi_lora import AdapterSlots
from wgen_tui.workers.train.grid.trainer import GridTrainer

WAIT = "wgen_tui/workers/device/transfer.py:wait"
# What transformers does at the start of a pass, when the device has nothing left to do: it asks
# whether positions are those of packed examples, and moves to the device what is there already.
OF_TRANSFORMERS = {
    "transformers/masking_utils.py:find_packed_sequence_indices bool",
    "transformers/masking_utils.py:and_mask upload",
    "transformers/masking_utils.py:eager_mask upload",
    "transformers/models/llama/modeling_llama.py:forward upload",
    "transformers/models/qwen3/modeling_qwen3.py:forward upload",
    "transformers/models/gemma2/modeling_gemma2.py:forward upload",
}
# Losses and norms; where a model caps its logits, which tokens have a label.
OF_TRAINING = {
    f"{WAIT} cpu": 1,
    f"{WAIT} numpy": 1,
    "wgen_tui/workers/train/grid/batch.py:states _unique2": 1,
}
# Tokens and their log-probabilities, in one wait; with top_p, whether the likeliest 64 are
# enough, then 512.
OF_DECODING = {
    f"{WAIT} cpu": 2,
    f"{WAIT} numpy": 2,
    "wgen_tui/workers/sample/engine/rng.py:_nucleus_threshold bool": 2,
}


def unnamed(places: Counter[str], named: dict[str, int]) -> dict[str, int]:
    """What happens elsewhere, or more often than it is named."""
    return {
        place: count
        for place, count in places.items()
        if place not in OF_TRANSFORMERS and count > named.get(place, 0)
    }


def test_each_kind_is_counted() -> None:
    x = torch.arange(4.0)
    with HostWaits() as waits:
        x.sum().item()
        bool(x[0] > 0)
        x.nonzero()
        x[x > 1]
        x[[0, 1]]
        x.to("cpu")
        x.to("cpu", non_blocking=True)
        torch.tensor([1.0], device="cpu")
        x.tolist()
        x + 1
    assert dict(waits.places) == {
        "elsewhere item": 1,
        "elsewhere bool": 1,
        "elsewhere nonzero": 1,
        "elsewhere index by mask": 1,
        "elsewhere upload": 3,
        "elsewhere tolist": 1,
    }


@pytest.mark.parametrize("name", ["llama", "qwen3", "gemma2"])
def test_a_training_step_waits_at_named_places_however_many_adapters(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    step, steps = GridTrainer._step, []

    def counted(self: GridTrainer) -> None:
        with HostWaits() as waits:
            step(self)
        steps.append(waits.places)

    monkeypatch.setattr(GridTrainer, "_step", counted)
    by_stack = {}
    for adapters in (1, 4):
        field = make_field(name, f"home-{adapters}")
        for seed in range(adapters):
            # Of their own rank, so that nothing is alike; two batches a step, of two rows.
            lora = {"r": 2 + seed, "lora_alpha": 4}
            more = {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 2}
            field.add(f"r{seed}", seed=seed, rows=40, max_steps=6, lora=lora, **more)
        steps.clear()
        field.train()
        assert len(steps) == 6
        by_stack[adapters] = steps[2]
    passes = 2
    named = {
        place: count * (passes if "_unique2" in place else 1)
        for place, count in OF_TRAINING.items()
    }
    assert unnamed(by_stack[1], named) == {}
    assert by_stack[1] == by_stack[4]
    assert by_stack[1][f"{WAIT} numpy"] == 1


@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_a_decoding_step_waits_at_named_places_however_many_adapters(
    family: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, top_p: float
) -> None:
    # As on a GPU: torch makes the random numbers, and we make the masks.
    monkeypatch.setattr(rng, "ON_NUMPY", frozenset())
    folder = family("llama")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    slots = AdapterSlots(model)
    slots.load([_adapter(model, number) for number in range(6)])
    sampling = SamplingConfig(n=1, temperature=1, max_tokens=8, top_p=top_p)
    by_stack = {}
    for adapters in (1, 6):
        runner = ModelRunner(model, 0, slots)
        runner.makes_masks = True
        requests = [
            Request(number, tuple(range(5, 8 + number)), number, slot)
            for slot in range(adapters)
            for number in range(3)
        ]
        params = SamplingParams(tokenizer, sampling, frozenset())
        decoding = Decoding(runner, params, requests)
        decoding.step()
        with HostWaits() as waits:
            decoding.step()
        by_stack[adapters] = waits.places
    assert unnamed(by_stack[1], OF_DECODING) == {}
    assert by_stack[1] == by_stack[6]
    assert by_stack[1][f"{WAIT} numpy"] == 2


def _adapter(model: torch.nn.Module, seed: int) -> Adapter:
    """Random numbers on one module, of a rank of their own."""
    module = model.get_submodule("model.layers.0.self_attn.q_proj")
    generator = torch.Generator().manual_seed(seed)
    rank = 1 + seed
    a = torch.randn(rank, module.in_features, generator=generator)
    b = torch.randn(module.out_features, rank, generator=generator)
    return Adapter(rank, 1.0, {"model.layers.0.self_attn.q_proj": (a, b)})
