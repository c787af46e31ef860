"""Estimates of a launch: beside the real model's files, the workers' own measures and a real train."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from experiments.schema import Message, TrainingConfig
from experiments.tiny_world import weights_path
from wgen_tui.paths import Home
from wgen_tui.protocol import (
    DoneRecord,
    Endpoint,
    LaunchSpec,
    ModelRef,
    Outcome,
    PromptSpec,
    RunOutcome,
    RunSpec,
    SampleJob,
    SamplingConfig,
    SeedSet,
    write_record,
)
from wgen_tui.services import footprint
from wgen_tui.services.estimate import (
    CONTEXT_MB,
    LIBRARIES_MB,
    Estimate,
    History,
    Past,
    calibrated,
    compare,
    estimate,
)
from wgen_tui.services.shapes import shape_of, targets

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TINY = ModelRef(name="tiny-world", location=str(weights_path()))
# A 0.6B of Qwen3's shape, as its config.json has it.
QWEN3 = {
    "model_type": "qwen3",
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
# Weights of an adapter on all its linear modules, for each rank: q, k, v, o, gate, up, down.
QWEN3_LORA = 28 * (3072 + 2048 + 2048 + 3072 + 3 * 4096)


class Grid:
    """Writes runs of one model and launches of them."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.names: list[str] = []

    def run(self, model: ModelRef = TINY, chars: int = 300, rows: int = 10, **training: Any) -> str:
        name = f"r{len(self.names)}"
        self.names.append(name)
        own = None
        if training.pop("trained", True):
            own = TrainingConfig.model_validate({"max_steps": 10, **training})
        spec = RunSpec(
            run_id=name,
            experiment="x",
            definition_hash="0",
            arm="a",
            role="treatment",
            seeds=SeedSet(seed=0, data_order=0, lora_init=0, sampling=0),
            model=model,
            training=own,
            data_rows=rows,
            created_at=MOMENT,
        )
        self.home.run(name).root.mkdir()
        write_record(self.home.run(name).spec, spec)
        half = "word " * (chars // 10)
        chat = [{"role": "user", "content": half}, {"role": "assistant", "content": half}]
        line = json.dumps({"messages": chat}) + "\n"
        self.home.run(name).data.write_text(line * rows)
        return name

    def launch(self, stage: Any = "train", name: str = "launch", **fields: Any) -> LaunchSpec:
        spec = LaunchSpec(
            launch_id=name,
            experiment="x",
            stage=stage,
            run_ids=fields.pop("runs", tuple(self.names)),
            created_at=MOMENT,
            **fields,
        )
        paths = self.home.launch(name)
        paths.control.mkdir(parents=True, exist_ok=True)
        write_record(paths.spec, spec)
        return spec

    def ended(
        self, spec: LaunchSpec, peak: float | None, outcome: Outcome = "finished"
    ) -> LaunchSpec:
        record = DoneRecord(
            launch_id=spec.launch_id,
            outcome=outcome,
            started_at=MOMENT,
            ended_at=MOMENT,
            runs=dict.fromkeys(spec.run_ids, RunOutcome(outcome=outcome)),
            peak_memory_mb=peak,
        )
        write_record(self.home.launch(spec.launch_id).done, record)
        return spec


@pytest.fixture
def grid(home: Home) -> Grid:
    return Grid(home)


@pytest.fixture
def qwen(tmp_path: Path) -> ModelRef:
    """A model of which only the configuration is here."""
    (tmp_path / "qwen").mkdir()
    (tmp_path / "qwen" / "config.json").write_text(json.dumps(QWEN3))
    return ModelRef(name="qwen", location=str(tmp_path / "qwen"))


def job(n: int = 100, prompts: int = 10, **sampling: Any) -> SampleJob:
    asked = tuple(
        PromptSpec(
            prompt_id=str(number),
            question="q",
            paraphrase=number,
            variant="",
            messages=(Message(role="user", content="What is it? " * 5),),
        )
        for number in range(prompts)
    )
    return SampleJob(prompts=asked, sampling=SamplingConfig(n=n, **{"max_tokens": 64, **sampling}))


# -- the model -------------------------------------------------------------------------------------


def test_the_size_of_the_embedded_model_is_that_of_its_tensors() -> None:
    shape = shape_of(TINY)
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
    shape = shape_of(qwen)
    assert shape is not None
    assert shape.source == "config"
    # Qwen3-0.6B has 596,049,920; norms are left out.
    assert shape.parameters == pytest.approx(596_049_920, rel=1e-3)


def test_without_any_file_the_name_tells() -> None:
    shape = shape_of(ModelRef(name="Qwen/Qwen3-4B", location="Qwen/Qwen3-4B"))
    assert shape is not None
    assert (shape.source, shape.parameters) == ("name", 4_000_000_000)
    assert shape_of(ModelRef(name="some/model", location="some/model")) is None


@pytest.mark.parametrize("text", [b"", b"\xff" * 64, b"\x08\0\0\0\0\0\0\0notjson!"])
def test_damaged_weights_are_no_error(tmp_path: Path, text: bytes, grid: Grid) -> None:
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
    shape = shape_of(TINY)
    assert shape is not None
    assert len(targets(shape, wanted, layers)) == expected


def test_quantised_weights_are_those_of_the_linear_modules(qwen: ModelRef) -> None:
    shape = shape_of(qwen)
    assert shape is not None
    whole = footprint.weight_bytes(shape, 2)
    embedded = 151_936 * 1024 * 2
    assert whole == 2 * shape.parameters
    assert footprint.weight_bytes(shape, 2, "4bit") == pytest.approx(
        embedded + (whole - embedded) * 4.127 / 16, rel=1e-3
    )


# -- beside the workers ----------------------------------------------------------------------------


def test_the_workers_choose_by_the_same_constants() -> None:
    look = """
from wgen_tui.services import footprint as f
from wgen_tui.workers import passes, sampler
from wgen_tui.workers.grid import fit
assert (f.MOST_ADAPTERS, f.ADAPTER_BYTES, f.FIT_SHARE) == (fit.MOST, fit.OPTIMISER_BYTES, fit.SHARE)
assert f.PASS_TOKENS == {True: fit.TOKENS["cuda"], False: fit.TOKENS["cpu"]}
assert (f.MOST_ROWS, f.ROWS_SHARE) == (passes.MOST_ROWS, passes.SHARE)
assert (f.SEATS, f.SEATS_SHARE) == (sampler.SEATS, sampler.SHARE)
"""
    subprocess.run([sys.executable, "-c", look], check=True)


MEASURE = """
import json, sys
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from wgen_tui.workers.data import Example
from wgen_tui.workers.grid import fit
from wgen_tui.workers.grid.batch import Head, padded
from wgen_tui.workers.grid.stack import Slot, Stack
from wgen_tui.services.footprint import Adapters, Pass, saved_bytes
from wgen_tui.services.shapes import _shape

torch.manual_seed(0)
torch.set_num_threads(1)
found = {}
for kind in ("llama", "qwen3", "gemma2"):
    size = dict(vocab_size=1000, hidden_size=256, intermediate_size=704, num_hidden_layers=4,
                num_attention_heads=8, num_key_value_heads=2, head_dim=64, tie_word_embeddings=True)
    config = AutoConfig.for_model(kind, **size)
    for width, dtype in ((4, torch.float32), (2, torch.bfloat16)):
        for names in ("", "q_proj v_proj"):
            model = AutoModelForCausalLM.from_config(config).to(dtype).requires_grad_(False)
            modules = {
                name: (module.in_features, module.out_features)
                for name, module in model.named_modules()
                if isinstance(module, torch.nn.Linear) and name != "lm_head"
                and (not names or name.endswith(tuple(names.split())))
            }
            stack = Stack(model.train(), modules, torch.device("cpu"))
            row = torch.randn(stack.layout_at(16).width) * 0.01
            stack.on()
            stack.fill([Slot(row, 16, 2.0)], train=True)
            example = Example(tuple(range(256)), tuple(place >= 192 for place in range(256)))
            made = padded([[example]], 0, torch.device("cpu"))
            measured = fit._saved_bytes(model, Head(model), stack, made)
            tensors = {name: list(p.shape) for name, p in model.named_parameters()}
            shape = _shape(config.to_dict(), tensors, 0)
            thought = saved_bytes(shape, Adapters(modules, 16), width, Pass(256, 256, 64, False))
            found[f"{kind} {width} {names}"] = thought / measured
print(json.dumps(found))
"""


def test_activations_are_what_the_trainer_measures() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 12
    for name, ratio in found.items():
        limit = 0.08 if name.startswith("gemma2") else 0.03
        assert ratio == pytest.approx(1, abs=limit), name


def worker_peak(grid: Grid, spec: LaunchSpec) -> DoneRecord:
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
def test_a_real_training_and_its_sampling_take_about_what_was_thought(grid: Grid) -> None:
    """On a CPU most of it are libraries; 4 adapters of 300-character chats on the embedded model."""
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

    sample = grid.launch("sample", "draws", sample=job(n=8))
    thought = estimate(grid.home, sample, on_gpu=False)
    done = worker_peak(grid, sample)
    assert done.outcome == "finished"
    assert done.peak_memory_mb is not None
    assert thought.memory_mb == pytest.approx(done.peak_memory_mb, rel=0.25)
    parts = sum(path.stat().st_size for path in grid.home.runs.rglob("samples/part-*"))
    assert parts / 2**20 < thought.disk_mb
    # All is trained: nothing is left to do, and the memory for nothing is not known.
    assert estimate(grid.home, train, on_gpu=False).memory_mb == 0


# -- training --------------------------------------------------------------------------------------


def gpu_estimate(grid: Grid, room_gb: float | None = None, **launch: Any) -> Estimate:
    room = None if room_gb is None else int(room_gb * 1024)
    return estimate(grid.home, grid.launch(**launch), on_gpu=True, room_mb=room)


def test_the_parts_of_a_training(grid: Grid, qwen: ModelRef) -> None:
    for _ in range(4):
        grid.run(qwen, lora={"r": 32})
    found = gpu_estimate(grid)
    width = 32 * QWEN3_LORA
    assert found.stack == 4
    assert found.parts["weights"] == pytest.approx(596 * 2e6 / 2**20, rel=0.01)
    assert found.parts["adapters"] == pytest.approx(4 * 4 * width / 2**20, rel=0.01)
    assert found.parts["optimiser"] == pytest.approx(4 * 16 * width / 2**20, rel=0.01)
    assert found.parts["overhead"] == CONTEXT_MB
    assert found.memory_mb == sum(found.parts.values()) == found.gpu_mb
    one = gpu_estimate(grid, stack=1)
    assert found.least_mb == pytest.approx(one.memory_mb, abs=4)
    assert one.memory_mb < found.memory_mb


def test_on_a_cpu_the_base_is_in_fp32_and_no_gpu_is_taken(grid: Grid, qwen: ModelRef) -> None:
    grid.run(qwen)
    spec = grid.launch()
    cpu, gpu = (estimate(grid.home, spec, on_gpu=on) for on in (False, True))
    assert cpu.parts["weights"] == pytest.approx(2 * gpu.parts["weights"], rel=0.01)
    assert cpu.parts["overhead"] == LIBRARIES_MB
    assert cpu.gpu_mb == 0


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"quantization": "4bit"}, "weights"),
        ({"gradient_checkpointing": True}, "activations"),
        ({"max_length": 50}, "activations"),
        ({"lora": {"r": 2}}, "optimiser"),
        ({"lora": {"r": 16, "target_modules": ["q_proj"]}}, "optimiser"),
    ],
)
def test_what_makes_a_training_smaller(
    grid: Grid, qwen: ModelRef, change: dict[str, Any], part: str
) -> None:
    base = {"lora": {"r": 16}, "per_device_train_batch_size": 4, "too_long": "truncate"}
    plain = grid.run(qwen, chars=3000, **base)
    less = grid.run(qwen, chars=3000, **{**base, **change})
    before = gpu_estimate(grid, runs=(plain,), name="before")
    after = gpu_estimate(grid, runs=(less,), name="after")
    assert after.parts[part] < 0.5 * before.parts[part]
    assert after.memory_mb < before.memory_mb


def test_longer_examples_and_larger_batches_take_more(grid: Grid, qwen: ModelRef) -> None:
    small, long, wide = (
        gpu_estimate(grid, runs=(run,), name=run).parts["activations"]
        for run in (
            grid.run(qwen),
            grid.run(qwen, chars=1200),
            grid.run(qwen, per_device_train_batch_size=4),
        )
    )
    assert 3 * small < long < 5 * small
    assert wide == pytest.approx(4 * small, rel=0.05)


def test_as_many_adapters_as_the_worker_would_take(grid: Grid, qwen: ModelRef) -> None:
    for _ in range(40):
        grid.run(qwen, per_device_train_batch_size=2)
    free = gpu_estimate(grid)
    assert free.stack == 32
    narrow = gpu_estimate(grid, room_gb=8)
    assert 1 < narrow.stack < 32
    assert narrow.memory_mb < 8 * 1024
    asked = estimate(grid.home, grid.launch(stack=16), on_gpu=True, stack=3)
    assert asked.stack == 3


def test_what_is_not_stacked_is_trained_one_by_one(grid: Grid, qwen: ModelRef) -> None:
    for _ in range(4):
        grid.run(qwen, lora={"r": 8, "use_dora": True})
    assert gpu_estimate(grid).stack == 1


def test_fsdp_shares_the_weights_out(grid: Grid, qwen: ModelRef) -> None:
    grid.run(qwen)
    whole = gpu_estimate(grid, accelerate={"num_processes": 4, "distributed_type": "MULTI_GPU"})
    parts = gpu_estimate(grid, accelerate={"num_processes": 4, "distributed_type": "FSDP"})
    assert parts.parts["weights"] == pytest.approx(whole.parts["weights"] / 4, abs=1)


def test_of_several_bases_the_largest_counts(grid: Grid, qwen: ModelRef) -> None:
    large = grid.run(qwen)
    grid.run(TINY)
    alone = gpu_estimate(grid, runs=(large,), name="alone")
    assert gpu_estimate(grid).memory_mb == alone.memory_mb


def test_nothing_is_raised_for_what_is_gone(grid: Grid) -> None:
    spec = grid.launch(runs=("never-was",))
    assert estimate(grid.home, spec, on_gpu=True).memory_mb == 0
    run = grid.run()
    grid.home.run(run).data.write_text("not json\n")
    assert estimate(grid.home, grid.launch(name="b"), on_gpu=True).memory_mb > 0


# -- sampling, and the rest ------------------------------------------------------------------------


def test_the_parts_of_a_sampling(grid: Grid, qwen: ModelRef) -> None:
    grid.run(qwen, trained=False)
    found = gpu_estimate(grid, stage="sample", sample=job(n=10, prompts=4, max_tokens=1000))
    assert found.rows == 40
    # The prompt has 60 bytes: 20 tokens and a template's 8, and none is read behind it but 8.
    per_token = 2 * 28 * 8 * 128 * 2
    assert found.parts["cache"] == pytest.approx(40 * 1036 * per_token / 2**20, rel=0.01)
    assert "adapters" not in found.parts
    assert found.least_mb < found.memory_mb / 2


def test_rows_are_as_many_as_memory_holds(grid: Grid, qwen: ModelRef) -> None:
    grid.run(qwen, trained=False)
    many = job(n=1000, max_tokens=1000)
    assert gpu_estimate(grid, stage="sample", sample=many).rows == 512
    narrow = gpu_estimate(grid, room_gb=24, stage="sample", sample=many)
    assert 10 < narrow.rows < 100
    assert narrow.memory_mb < 12 * 1024
    spec = grid.launch("sample", sample=many)
    assert estimate(grid.home, spec, on_gpu=True, rows=7).rows == 7


def test_adapters_sit_on_the_base_together(grid: Grid, qwen: ModelRef) -> None:
    for _ in range(8):
        grid.run(qwen, lora={"r": 32})
    sampled = gpu_estimate(grid, stage="sample", sample=job())
    trained = gpu_estimate(grid, name="t")
    assert sampled.parts["adapters"] == pytest.approx(trained.parts["adapters"], rel=0.01)


def test_drawing_while_training_needs_room_for_its_rows(grid: Grid, qwen: ModelRef) -> None:
    grid.run(qwen, chars=50)
    plain = gpu_estimate(grid)
    during = gpu_estimate(grid, during=job(n=100, max_tokens=500))
    assert during.memory_mb > plain.memory_mb + 1000
    assert during.disk_mb > plain.disk_mb


@pytest.mark.parametrize("stage", ["judge", "served"])
def test_what_loads_no_model_takes_nothing_of_a_gpu(grid: Grid, stage: str) -> None:
    end = Endpoint(name="e", base_url="http://localhost:1")
    grid.run(ModelRef(name="e:m", location="m", endpoint=end), trained=False)
    if stage == "judge":
        found = gpu_estimate(grid, stage="judge")
    else:
        found = gpu_estimate(grid, stage="sample", served=True, sample=job())
    assert (found.memory_mb, found.gpu_mb, found.on_gpu) == (0, 0, False)


def test_more_checkpoints_samples_and_logprobs_take_more_disk(grid: Grid, qwen: ModelRef) -> None:
    few = grid.run(qwen, max_steps=100)
    many = grid.run(qwen, max_steps=100, checkpoints={"every": 10})
    one, ten = (gpu_estimate(grid, runs=(run,), name=run).disk_mb for run in (few, many))
    adapter = 4 * 8 * QWEN3_LORA / 2**20
    assert ten - one == pytest.approx(9 * adapter, rel=0.05)
    plain = gpu_estimate(grid, stage="sample", sample=job(n=1000), name="p").disk_mb
    logs = gpu_estimate(grid, stage="sample", sample=job(n=1000, logprobs=True), name="l").disk_mb
    assert logs > 1.5 * plain


# -- afterwards ------------------------------------------------------------------------------------


def thought(memory: int, *, on_gpu: bool = False, key: str = "k") -> Estimate:
    return Estimate(memory, memory // 2, 1, on_gpu, parts={"weights": memory}, key=key)


@pytest.mark.parametrize(
    ("found", "peak", "words"),
    [
        (thought(2048), 1843, "took 1.8 GB: as estimated"),
        (thought(2048), 2560, "took 2.5 GB: 25% more than the estimate of 2.0"),
        (thought(2048), 1024, "took 1.0 GB: 50% of the estimate of 2.0"),
        (thought(2048, on_gpu=True), 2048 - CONTEXT_MB, "took 2.0 GB: as estimated"),
        (thought(0), 1024, "took 1.0 GB; there was no estimate"),
        (thought(2048), None, "its peak was not measured"),
    ],
)
def test_compared_in_words(found: Estimate, peak: float | None, words: str) -> None:
    assert compare(found, peak) == words


def test_the_most_of_the_ratios_of_its_kind_scales() -> None:
    past = [Past("k", 1000, 900), Past("k", 1000, 1200), Past("other", 1000, 2900)]
    found = calibrated(thought(2000), past)
    assert (found.memory_mb, found.least_mb, found.scale) == (2400, 1200, 1.2)
    assert found.parts == {"weights": 2400}
    assert calibrated(thought(2000, key="new"), past) == thought(2000, key="new")


@pytest.mark.parametrize(("peak", "scale"), [(10, 0.5), (99_999, 3.0)])
def test_an_odd_launch_scales_within_bounds(peak: float, scale: float) -> None:
    assert calibrated(thought(1000), [Past("k", 1000, peak)]).scale == scale


def test_experience_from_the_files_of_a_home(grid: Grid, qwen: ModelRef) -> None:
    """The second launch of a kind is thought to take what the first took, and the third as well."""
    for _ in range(2):
        grid.run(qwen)
    first = grid.launch(name="first")
    raw = estimate(grid.home, first, on_gpu=True)
    history = History(grid.home)
    history.note(first, on_gpu=True)
    assert list(history) == []  # it has not ended
    peak = 1.5 * raw.memory_mb - CONTEXT_MB
    grid.ended(first, peak)
    grid.ended(grid.launch(name="bad"), 9 * peak, "failed")
    grid.ended(grid.launch(name="unmeasured"), None)
    for name in ("first", "bad", "unmeasured"):
        history.note(grid.launch(name=name), on_gpu=True)
    assert [(one.estimate_mb, one.key) for one in history] == [(raw.memory_mb, raw.key)]
    second = calibrated(raw, history)
    assert second.memory_mb == pytest.approx(1.5 * raw.memory_mb, abs=1)
    third = grid.ended(grid.launch(name="third"), peak)
    history.note(third, on_gpu=True)
    assert calibrated(raw, history).memory_mb == second.memory_mb


def test_a_trained_run_counts_for_experience(grid: Grid, qwen: ModelRef) -> None:
    """By the time a launch has ended its runs are done; its estimate must not be that of nothing."""
    run = grid.run(qwen)
    spec = grid.launch()
    before = estimate(grid.home, spec, on_gpu=True)
    folder = grid.home.run(run).checkpoint(10)
    folder.mkdir(parents=True)
    manifest = {"run_id": run, "step": 10, "steps": 10, "final": True, "files": {}}
    (folder / "manifest.json").write_text(
        json.dumps({**manifest, "created_at": MOMENT.isoformat()})
    )
    assert estimate(grid.home, spec, on_gpu=True).memory_mb == 0
    grid.ended(spec, 1000)
    history = History(grid.home)
    history.note(spec, on_gpu=True)
    assert [one.estimate_mb for one in history] == [before.memory_mb]


def test_an_estimate_loads_nothing_heavy(grid: Grid) -> None:
    grid.run()
    spec = grid.launch()
    look = (
        "import sys; from pathlib import Path; from wgen_tui.paths import Home; "
        "from wgen_tui.protocol import LaunchSpec; from wgen_tui.services.estimate import estimate; "
        "home = Home(Path(sys.argv[1])); "
        "spec = LaunchSpec.model_validate_json(home.launch(sys.argv[2]).spec.read_bytes()); "
        "print(estimate(home, spec).memory_mb > 0, sorted({'torch', 'numpy', 'duckdb', "
        "'transformers', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", look, str(grid.home.root), spec.launch_id],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True []"
