"""The size of models and workers, beside real files, the workers' measures and a real training."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from experiments.tiny_world import weights_path
from tests.builders.sizes import QWEN3, TINY, SizedHome, sample_stage
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import DoneRecord, LaunchSpec
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.estimate import formulas
from wgen_tui.services.estimate.estimate import estimate
from wgen_tui.services.models.architecture import model_dims, target_modules


@pytest.fixture
def grid(home: Home) -> SizedHome:
    return SizedHome(home)


@pytest.fixture
def qwen(tmp_path: Path) -> ModelRef:
    """A model of which only the configuration is here."""
    (tmp_path / "qwen").mkdir()
    (tmp_path / "qwen" / "config.json").write_text(json.dumps(QWEN3))
    return ModelRef(name="qwen", location=str(tmp_path / "qwen"))


# -- the model -------------------------------------------------------------------------------------


def test_the_size_of_the_embedded_model_is_that_of_its_tensors() -> None:
    shape = model_dims(TINY)
    assert shape is not None
    linear: dict[str, tuple[int, ...]] = {}
    count = 0
    with safe_open(weights_path() / "model.safetensors", "np") as file:
        for name in file.keys():  # noqa: SIM118 - no mapping
            dims = tuple(file.get_slice(name).get_shape())
            count += math.prod(dims)
            if len(dims) == 2 and "embed" not in name:
                linear[name.removesuffix(".weight")] = dims
    assert shape.parameters == count
    assert {name: (out, wide) for name, (wide, out) in shape.modules.items()} == linear
    assert (shape.layers, shape.hidden, shape.queries, shape.keys) == (4, 128, 128, 128)
    assert (shape.inner, shape.vocabulary, shape.source) == (320, 2048, "headers")


def test_without_weights_the_configuration_tells(qwen: ModelRef) -> None:
    shape = model_dims(qwen)
    assert shape is not None
    assert shape.source == "config"
    # Qwen3-0.6B has 596,049,920; norms are left out.
    assert shape.parameters == pytest.approx(596_049_920, rel=1e-3)


def test_without_any_file_the_name_tells() -> None:
    shape = model_dims(ModelRef(name="Qwen/Qwen3-4B", location="Qwen/Qwen3-4B"))
    assert shape is not None
    assert (shape.source, shape.parameters) == ("name", 4_000_000_000)
    assert model_dims(ModelRef(name="some/model", location="some/model")) is None


@pytest.mark.parametrize("text", [b"", b"\xff" * 64, b"\x08\0\0\0\0\0\0\0notjson!"])
def test_damaged_weights_are_no_error(tmp_path: Path, text: bytes, grid: SizedHome) -> None:
    (tmp_path / "config.json").write_text(json.dumps(QWEN3))
    (tmp_path / "model.safetensors").write_bytes(text)
    grid.run(ModelRef(name="broken", location=str(tmp_path)))
    found = estimate(grid.home, grid.launch())
    assert found.memory_mb == 0
    assert found.disk_mb >= 1


@pytest.mark.parametrize(
    ("wanted", "layers", "expected"),
    [
        ("all-linear", None, 28),
        ("all-linear", (0, 3), 14),
        (("q_proj", "v_proj"), None, 8),
        (("proj",), None, 0),  # whole parts of names only
        (r".*\.mlp\.(up|down)_proj", None, 8),
        (r".*\.(up|down", None, 0),  # no pattern; the worker says so
    ],
)
def test_target_modules_as_peft_chooses_them(
    wanted: Any, layers: tuple[int, ...] | None, expected: int
) -> None:
    shape = model_dims(TINY)
    assert shape is not None
    assert len(target_modules(shape, wanted, layers)) == expected


def test_quantised_weights_are_those_of_the_linear_modules(qwen: ModelRef) -> None:
    shape = model_dims(qwen)
    assert shape is not None
    whole = formulas.weight_bytes(shape, 2)
    embedded = 151_936 * 1024 * 2
    assert whole == 2 * shape.parameters
    assert formulas.weight_bytes(shape, 2, "4bit") == pytest.approx(
        embedded + (whole - embedded) * 4.127 / 16, rel=1e-3
    )


# -- beside the workers ----------------------------------------------------------------------------


MEASURE = """
import json, sys
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.train.grid import fit
from wgen_tui.workers.train.grid.batch import Head, pad_batch
from wgen_tui.workers.train.grid.stack import Slot, Stack
from wgen_tui.services.estimate.formulas import Adapters, ForwardBatch, saved_bytes
from wgen_tui.services.models.architecture import dims_from_config


torch.manual_seed(0)
torch.set_num_threads(1)
ratios = {}
for kind in ("llama", "qwen3", "gemma2"):
    size = dict(vocab_size=1000, hidden_size=256, intermediate_size=704, num_hidden_layers=4,
                num_attention_heads=8, num_key_value_heads=2, head_dim=64, tie_word_embeddings=True)
    config = AutoConfig.for_model(kind, **size)
    for width, dtype in ((4, torch.float32), (2, torch.bfloat16)):
        for names in ("", "q_proj v_proj"):
            # As `load_base` has it: capped logits need eager attention.
            attention = "eager" if kind == "gemma2" else "sdpa"
            model = AutoModelForCausalLM.from_config(config, attn_implementation=attention)
            model = model.to(dtype).requires_grad_(False)
            modules = {
                name: (module.in_features, module.out_features)
                for name, module in model.named_modules()
                if isinstance(module, torch.nn.Linear) and name != "lm_head"
                and (not names or name.endswith(tuple(names.split())))
            }
            stack = Stack(model.train(), modules, torch.device("cpu"))
            row = torch.randn(stack.layout_at(16).width) * 0.01
            stack.install()
            stack.fill([Slot(row, 16, 2.0)], train=True)
            example = Example(tuple(range(256)), tuple(place >= 192 for place in range(256)))
            batch = pad_batch([[example]], 0, torch.device("cpu"))
            measured = fit._saved_bytes(model, Head(model), stack, batch)
            tensors = {name: list(p.shape) for name, p in model.named_parameters()}
            shape = dims_from_config(config.to_dict(), tensors, 0)
            batch = ForwardBatch(256, 256, 64, False)
            thought = saved_bytes(shape, Adapters(modules, 16), width, batch)
            ratios[f"{kind} {width} {names}"] = thought / measured
print(json.dumps(ratios))
"""


@pytest.fixture(scope="module")
def measured() -> dict[str, float]:
    """Estimated over measured bytes of activations, measured in a process of their own."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    ratios: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return ratios


def test_activations_are_what_the_trainer_measures(measured: dict[str, float]) -> None:
    assert len(measured) == 12
    for name, ratio in measured.items():
        limit = 0.08 if name.startswith("gemma2") else 0.03
        assert ratio == pytest.approx(1, abs=limit), name


def worker_peak(grid: SizedHome, spec: LaunchSpec) -> DoneRecord:
    """Do a launch as its worker does; returns how it ended."""
    command = [sys.executable, "-m", f"wgen_tui.workers.{spec.stage}"]
    subprocess.run(
        [*command, "--home", str(grid.home.root), "--launch", spec.launch_id],
        check=True,
        capture_output=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONSAFEPATH": "1"},
    )
    return DoneRecord.model_validate_json(grid.home.launch(spec.launch_id).done.read_bytes())


@pytest.mark.slow
def test_a_real_training_and_its_sampling_take_about_what_was_thought(grid: SizedHome) -> None:
    """On a CPU most of it are libraries; 4 adapters, 300-character chats, the embedded model."""
    for seed in range(4):
        grid.run(per_device_train_batch_size=4, learning_rate=1e-4 * (seed + 1))
    train = grid.launch()
    thought = estimate(grid.home, train, on_gpu=False)
    assert thought.stack == 4
    done = worker_peak(grid, train)
    assert done.outcome == "finished"
    assert done.peak_memory_mb is not None
    assert thought.memory_mb == pytest.approx(done.peak_memory_mb, rel=0.15)
    written = sum(path.stat().st_size for path in grid.home.runs.rglob("*") if path.is_file())
    adapters = sum(path.stat().st_size for path in grid.home.runs.rglob("adapter_model.*"))
    # While it trains, two states to go on from are there at once, three times an adapter each.
    assert written < thought.disk_mb * 2**20 < written + 7 * adapters + 2**20

    sample = grid.launch("sample", "draws", sample=sample_stage(n=8))
    thought = estimate(grid.home, sample, on_gpu=False)
    done = worker_peak(grid, sample)
    assert done.outcome == "finished"
    assert done.peak_memory_mb is not None
    assert thought.memory_mb == pytest.approx(done.peak_memory_mb, rel=0.25)
    parts = sum(path.stat().st_size for path in grid.home.runs.rglob("samples/part-*"))
    assert parts / 2**20 < thought.disk_mb
    # All is trained: nothing is left to do, and the memory for nothing is not known.
    assert estimate(grid.home, train, on_gpu=False).memory_mb == 0
