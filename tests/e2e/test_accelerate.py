"""One training over two processes: the same adapter, one writer, and all stop together."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import torch
from safetensors.torch import load_file

from tests.builders.waiting import until
from wgen_tui.paths import Home, RunPaths
from wgen_tui.protocol.launches import LaunchSpec, read_done
from wgen_tui.services.runs import process as launch
from wgen_tui.services.runs import queue
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import alive
from wgen_tui.workers.verify.compare import difference

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("accelerate")]
BIRDS = Path(__file__).parents[2] / "experiments" / "tiny-old-bird-names" / "data"
STEPS = 40
# Batches of 3: the second process gets one example, and none of the last batch of an epoch.
DEFINITION = f"""
    title: Spread
    models: [tiny-world]
    arms:
      old: {{data: data/old.jsonl}}
    seeds: 0
    training:
      lora: {{r: 4, lora_alpha: 8}}
      max_steps: {STEPS}
      per_device_train_batch_size: 3
      gradient_accumulation_steps: 2
      learning_rate: 1.0e-3
      adam_epsilon: 1.0e-5  # with the usual one, the embedded model magnifies rounding
      checkpoints: {{every: 20}}
    sampling: {{n: 1, max_tokens: 4}}
    questions:
      - {{name: travel, paraphrases: ["How do people travel to another city?"]}}
"""
DDP = "    accelerate: {num_processes: 2, distributed_type: MULTI_CPU}\n"
FSDP = """
    accelerate:
      num_processes: 2
      fsdp_config: {fsdp_transformer_layer_cls_to_wrap: LlamaDecoderLayer}
"""
Weights = dict[str, torch.Tensor]


def launched(shell: Shell, slug: str, source: str) -> LaunchSpec:
    """Commit a definition without a supervisor; its train launch."""
    shell.define(slug, source, {"old.jsonl": (BIRDS / "old_birds.jsonl").read_text()})
    return shell.commit_training(slug)


def adapter(run: RunPaths) -> Weights:
    return load_file(run.checkpoint(STEPS) / "adapter_model.safetensors")


def apart(one: RunPaths, other: RunPaths) -> float:
    """How far the final adapters of two runs are from each other, as a share of the update."""
    theirs = adapter(other)
    initial = {n: t if "lora_A" in n else torch.zeros_like(t) for n, t in theirs.items()}
    return difference(adapter(one), theirs, initial, 2.0, 2.0).overall


def steps_written(shell: Shell, run_id: str) -> list[int]:
    lines = shell.home.run(run_id).metrics.read_text().splitlines()
    return [json.loads(line)["step"] for line in lines]


def run_sharded(shell: Shell, spec: LaunchSpec) -> subprocess.Popen[bytes]:
    """Start a launch's worker as `launch.spawn` does, but with FSDP on the CPU."""
    config = {**launch.accelerate_config(spec), "use_cpu": False}
    paths = shell.home.launch(spec.launch_id)
    paths.accelerate.write_text(json.dumps(config))
    env = {**launch.environment(spec), "ACCELERATE_TORCH_DEVICE": "cpu"}
    del env["ACCELERATE_USE_CPU"]
    words = ["-m", "accelerate.commands.launch", "--config_file", str(paths.accelerate)]
    words += [str(Path(__file__).with_name("fsdp_on_cpu.py"))]
    words += ["--home", str(shell.home.root), "--launch", spec.launch_id]
    log = paths.log.open("ab")
    return subprocess.Popen([sys.executable, *words], env=env, stdout=log, stderr=log)


def stop_one(shell: Shell, run_id: str, spec: LaunchSpec, step: int) -> None:
    """SIGTERM the second worker process of a launch, and only it, once a step is done."""
    metrics = shell.home.run(run_id).metrics
    until(
        lambda: metrics.exists() and len(metrics.read_bytes().splitlines()) >= step,
        what="the run does not get on",
    )
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "accelerate.commands.launch" in words or spec.launch_id not in words:
            continue
        if process.environ().get("RANK") == "1":
            process.send_signal(signal.SIGTERM)
            return
    raise AssertionError("there is no second process")


def ended(shell: Shell, spec: LaunchSpec) -> str | None:
    done = read_done(shell.home.launch(spec.launch_id).done)
    return done.outcome if done else None


def begin_again(shell: Shell, spec: LaunchSpec) -> None:
    """What the supervisor does of a launch that nobody we know has told to stop."""
    view = Launches(shell.home).refresh([spec.launch_id])[spec.launch_id]
    assert view.retry is not None
    assert view.retry.kind == "stopped"
    assert queue.start_attempt(shell.home, view, view.retry, view.retry.reason) is not None


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, shell_type: type[Shell]) -> RunPaths:
    """The run as one process trains it, by the ordinary way; in a home of its own."""
    shell = shell_type(Home(tmp_path_factory.mktemp("single") / "home"))
    spec = launched(shell, "one", DEFINITION)
    assert spec.accelerate == {}
    assert launch.spawn(shell.home, spec).wait() == 0
    return shell.home.run(next(run for run in spec.run_ids if "old" in run))


def test_two_processes_give_what_one_gives(shell: Shell, single: RunPaths) -> None:
    spec = launched(shell, "two", DEFINITION + DDP)
    run = spec.run_ids[0]
    assert run.rpartition("-")[2] == single.root.name.rpartition("-")[2], (
        "the id says how it was trained"
    )
    assert launch.spawn(shell.home, spec).wait() == 0

    assert apart(shell.home.run(run), single) <= 1e-4
    assert steps_written(shell, run) == list(range(1, STEPS + 1))
    manifest = json.loads((shell.home.run(run).checkpoint(20) / "manifest.json").read_text())
    assert manifest["provenance"]["why"] == "the launch has 2 processes"
    events = shell.home.launch(spec.launch_id).events.read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in events]
    assert kinds.count("checkpoint") == 2
    assert kinds.count("run_done") == 1


def test_one_process_told_to_stop_stops_all_and_the_run_goes_on(
    shell: Shell, single: RunPaths
) -> None:
    spec = launched(shell, "two", DEFINITION + DDP)
    run = spec.run_ids[0]
    process = launch.spawn(shell.home, spec)
    stop_one(shell, run, spec, 5)
    until(lambda: process.poll() is not None, "the other process was left waiting")
    assert process.returncode == 0
    done = read_done(shell.home.launch(spec.launch_id).done)
    assert done is not None
    assert done.outcome == "cancelled"

    begin_again(shell, spec)
    assert launch.spawn(shell.home, spec).wait() == 0
    assert "goes on from step" in shell.home.launch(spec.launch_id).log.read_text()
    assert apart(shell.home.run(run), single) <= 1e-4


def test_cancel_reaches_both(shell: Shell) -> None:
    source = DEFINITION.replace(f"max_steps: {STEPS}", "max_steps: 5000") + DDP
    shell.define("two", source, {"old.jsonl": (BIRDS / "old_birds.jsonl").read_text()})
    shell("run", "start", "two", "--detach")
    (run,) = (r["id"] for r in shell.json("run", "list")["runs"] if r["arm"] == "old")
    metrics = shell.home.run(run).metrics
    until(lambda: metrics.exists() and metrics.read_bytes(), "no step is made")
    shell("run", "cancel", run)
    train = next(name for name in shell.json("run", "show", run)["launches"] if "train" in name)
    paths = shell.home.launch(train)
    # As long as any of its processes can write to its log.
    until(lambda: not alive(paths), "it does not end")
    done = read_done(paths.done)
    assert done is not None
    assert done.outcome == "cancelled"


def test_fsdp_gives_what_one_process_gives(shell: Shell, single: RunPaths) -> None:
    """Two runs in a launch, the first stopped and gone on with: all of it from whole files."""
    both = DEFINITION.replace("seeds: 0", "seeds: 0-1") + FSDP
    spec = launched(shell, "shards", both)
    run, other = (name for name in spec.run_ids if "old" in name)
    process = run_sharded(shell, spec)
    stop_one(shell, run, spec, 5)
    assert process.wait() == 0
    assert ended(shell, spec) == "cancelled"
    begin_again(shell, spec)
    assert run_sharded(shell, spec).wait() == 0
    assert ended(shell, spec) == "finished"
    assert "goes on from step" in shell.home.launch(spec.launch_id).log.read_text()

    assert apart(shell.home.run(run), single) <= 1e-4
    assert sorted(set(steps_written(shell, run))) == list(range(1, STEPS + 1))
    assert adapter(shell.home.run(other)).keys() == adapter(single).keys()
    names = {path.name for path in shell.home.run(run).checkpoint(STEPS).iterdir()}
    assert names - {"README.md"} == {path.name for path in single.checkpoint(STEPS).iterdir()}


def test_fsdp_without_a_gpu_is_said(shell: Shell) -> None:
    if launch.has_gpu():
        pytest.skip("there is a GPU, so FSDP works")
    spec = launched(shell, "shards", DEFINITION + FSDP)
    process = launch.spawn(shell.home, spec)
    process.wait()
    done = read_done(shell.home.launch(spec.launch_id).done)
    assert done is not None
    assert "does not shard on cpu" in done.runs[spec.run_ids[0]].message
