"""Estimates of a launch: their parts, what changes them, and what became of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.builders.home import T0
from tests.builders.sizes import QWEN3, QWEN3_LORA, TINY, SizedHome, sample_stage
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import JudgeStage
from wgen_tui.protocol.runs import Endpoint, ModelRef
from wgen_tui.services.estimate.estimate import (
    CONTEXT_MB,
    LIBRARIES_MB,
    Estimate,
    History,
    PastLaunch,
    calibrated,
    compare,
    estimate,
)


@pytest.fixture
def grid(home: Home) -> SizedHome:
    return SizedHome(home)


@pytest.fixture
def qwen(tmp_path: Path) -> ModelRef:
    """A model of which only the configuration is here."""
    (tmp_path / "qwen").mkdir()
    (tmp_path / "qwen" / "config.json").write_text(json.dumps(QWEN3))
    return ModelRef(name="qwen", location=str(tmp_path / "qwen"))


# -- training --------------------------------------------------------------------------------------


def gpu_estimate(grid: SizedHome, room_gb: float | None = None, **launch: Any) -> Estimate:
    room = None if room_gb is None else int(room_gb * 1024)
    return estimate(grid.home, grid.launch(**launch), on_gpu=True, free_mb=room)


def test_the_parts_of_a_training(grid: SizedHome, qwen: ModelRef) -> None:
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


def test_on_a_cpu_the_base_is_in_fp32_and_no_gpu_is_taken(grid: SizedHome, qwen: ModelRef) -> None:
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
    grid: SizedHome, qwen: ModelRef, change: dict[str, Any], part: str
) -> None:
    base = {"lora": {"r": 16}, "per_device_train_batch_size": 4, "too_long": "truncate"}
    plain = grid.run(qwen, chars=3000, **base)
    less = grid.run(qwen, chars=3000, **{**base, **change})
    before = gpu_estimate(grid, runs=(plain,), name="before")
    after = gpu_estimate(grid, runs=(less,), name="after")
    assert after.parts[part] < 0.5 * before.parts[part]
    assert after.memory_mb < before.memory_mb


def test_longer_examples_and_larger_batches_take_more(grid: SizedHome, qwen: ModelRef) -> None:
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


def test_as_many_adapters_as_the_worker_would_take(grid: SizedHome, qwen: ModelRef) -> None:
    for _ in range(40):
        grid.run(qwen, per_device_train_batch_size=2)
    free = gpu_estimate(grid)
    assert free.stack == 32
    narrow = gpu_estimate(grid, room_gb=8)
    assert 1 < narrow.stack < 32
    assert narrow.memory_mb < 8 * 1024
    asked = estimate(grid.home, grid.launch(stack=16), on_gpu=True, stack=3)
    assert asked.stack == 3


def test_what_is_not_stacked_is_trained_one_by_one(grid: SizedHome, qwen: ModelRef) -> None:
    for _ in range(4):
        grid.run(qwen, lora={"r": 8, "use_dora": True})
    assert gpu_estimate(grid).stack == 1


def test_fsdp_shares_the_weights_out(grid: SizedHome, qwen: ModelRef) -> None:
    grid.run(qwen)
    whole = gpu_estimate(grid, accelerate={"num_processes": 4, "distributed_type": "MULTI_GPU"})
    parts = gpu_estimate(grid, accelerate={"num_processes": 4, "distributed_type": "FSDP"})
    assert parts.parts["weights"] == pytest.approx(whole.parts["weights"] / 4, abs=1)


def test_of_several_bases_the_largest_counts(grid: SizedHome, qwen: ModelRef) -> None:
    large = grid.run(qwen)
    grid.run(TINY)
    alone = gpu_estimate(grid, runs=(large,), name="alone")
    assert gpu_estimate(grid).memory_mb == alone.memory_mb


def test_nothing_is_raised_for_what_is_gone(grid: SizedHome) -> None:
    spec = grid.launch(runs=("never-was",))
    assert estimate(grid.home, spec, on_gpu=True).memory_mb == 0
    run = grid.run()
    grid.home.run(run).data.write_text("not json\n")
    assert estimate(grid.home, grid.launch(name="b"), on_gpu=True).memory_mb > 0


# -- sampling, and the rest ------------------------------------------------------------------------


def test_the_parts_of_a_sampling(grid: SizedHome, qwen: ModelRef) -> None:
    grid.run(qwen, trained=False)
    found = gpu_estimate(
        grid, stage="sample", sample=sample_stage(n=10, prompts=4, max_tokens=1000)
    )
    assert found.rows == 40
    # The prompt has 60 bytes: 20 tokens and a template's 8, and none is read behind it but 8; and
    # a GPU's rows have space for 128 that are not drawn yet.
    per_token = 2 * 28 * 8 * 128 * 2
    assert found.parts["cache"] == pytest.approx(40 * (1036 + 128) * per_token / 2**20, rel=0.01)
    assert "adapters" not in found.parts
    assert found.least_mb < found.memory_mb / 2


def test_rows_are_as_many_as_memory_holds(grid: SizedHome, qwen: ModelRef) -> None:
    grid.run(qwen, trained=False)
    many = sample_stage(n=1000, max_tokens=1000)
    assert gpu_estimate(grid, stage="sample", sample=many).rows == 512
    narrow = gpu_estimate(grid, room_gb=24, stage="sample", sample=many)
    assert 10 < narrow.rows < 100
    assert narrow.memory_mb < 12 * 1024
    spec = grid.launch("sample", sample=many)
    assert estimate(grid.home, spec, on_gpu=True, rows=7).rows == 7


def test_adapters_sit_on_the_base_together(grid: SizedHome, qwen: ModelRef) -> None:
    for _ in range(8):
        grid.run(qwen, lora={"r": 32})
    sampled = gpu_estimate(grid, stage="sample", sample=sample_stage())
    trained = gpu_estimate(grid, name="t")
    assert sampled.parts["adapters"] == pytest.approx(trained.parts["adapters"], rel=0.01)


def test_drawing_while_training_needs_room_for_its_rows(grid: SizedHome, qwen: ModelRef) -> None:
    grid.run(qwen, chars=50)
    plain = gpu_estimate(grid)
    during = gpu_estimate(grid, during=sample_stage(n=100, max_tokens=500))
    assert during.memory_mb > plain.memory_mb + 1000
    assert during.disk_mb > plain.disk_mb


@pytest.mark.parametrize("stage", ["judge", "served"])
def test_what_loads_no_model_takes_nothing_of_a_gpu(grid: SizedHome, stage: str) -> None:
    end = Endpoint(name="e", base_url="http://localhost:1")
    grid.run(ModelRef(name="e:m", location="m", endpoint=end), trained=False)
    if stage == "judge":
        found = gpu_estimate(grid, stage="judge")
    else:
        found = gpu_estimate(grid, stage="sample", served=True, sample=sample_stage())
    assert (found.memory_mb, found.gpu_mb, found.on_gpu) == (0, 0, False)


def test_more_checkpoints_samples_and_logprobs_take_more_disk(
    grid: SizedHome, qwen: ModelRef
) -> None:
    few = grid.run(qwen, max_steps=100)
    many = grid.run(qwen, max_steps=100, checkpoints={"every": 10})
    one, ten = (gpu_estimate(grid, runs=(run,), name=run).disk_mb for run in (few, many))
    adapter = 4 * 8 * QWEN3_LORA / 2**20
    assert ten - one == pytest.approx(9 * adapter, rel=0.05)
    plain = gpu_estimate(grid, stage="sample", sample=sample_stage(n=1000), name="p").disk_mb
    logs = gpu_estimate(
        grid, stage="sample", sample=sample_stage(n=1000, logprobs=True), name="l"
    ).disk_mb
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
    past = [
        PastLaunch("k", 1000, 900),
        PastLaunch("k", 1000, 1200),
        PastLaunch("other", 1000, 2900),
    ]
    found = calibrated(thought(2000), past)
    assert (found.memory_mb, found.least_mb, found.scale) == (2400, 1200, 1.2)
    assert found.parts == {"weights": 2400}
    assert calibrated(thought(2000, key="new"), past) == thought(2000, key="new")


@pytest.mark.parametrize(("peak", "scale"), [(10, 0.5), (99_999, 3.0)])
def test_an_odd_launch_scales_within_bounds(peak: float, scale: float) -> None:
    assert calibrated(thought(1000), [PastLaunch("k", 1000, peak)]).scale == scale


def test_experience_from_the_files_of_a_home(grid: SizedHome, qwen: ModelRef) -> None:
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


def test_a_trained_run_counts_for_experience(grid: SizedHome, qwen: ModelRef) -> None:
    """When a launch has ended its runs are done; its estimate must not be that of nothing."""
    run = grid.run(qwen)
    spec = grid.launch()
    before = estimate(grid.home, spec, on_gpu=True)
    folder = grid.home.run(run).checkpoint(10)
    folder.mkdir(parents=True)
    manifest = {"run_id": run, "step": 10, "steps": 10, "final": True, "files": {}}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "created_at": T0.isoformat()}))
    assert estimate(grid.home, spec, on_gpu=True).memory_mb == 0
    grid.ended(spec, 1000)
    history = History(grid.home)
    history.note(spec, on_gpu=True)
    assert [one.estimate_mb for one in history] == [before.memory_mb]


def test_an_estimate_loads_nothing_heavy(grid: SizedHome) -> None:
    grid.run()
    spec = grid.launch()
    look = (
        "import sys; from pathlib import Path; from wgen_tui.paths import Home; "
        "from wgen_tui.protocol.launches import LaunchSpec; "
        "from wgen_tui.services.estimate.estimate import estimate; "
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


def test_verdicts_are_counted_by_the_samples_that_are_there(grid: SizedHome) -> None:
    run = grid.run(trained=False)
    none = gpu_estimate(grid, stage="judge", judge=JudgeStage(judges=())).disk_mb
    folder = grid.home.run(run).samples
    folder.mkdir()
    (folder / "part-x-00000.parquet").write_bytes(bytes(49 * 10_000))
    some = gpu_estimate(grid, stage="judge", judge=JudgeStage(judges=())).disk_mb
    assert none == 0
    assert some == pytest.approx(2 * 10_000 * 400 / 2**20, abs=1)
