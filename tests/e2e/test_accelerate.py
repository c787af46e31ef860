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
from wgen_tui.services.control.restart import restart_runs
from wgen_tui.services.runs import process as launch
from wgen_tui.services.runs import queue, runs
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import alive
from wgen_tui.workers.verify.compare import difference

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("accelerate")]
BIRDS = Path(__file__).parents[2] / "experiments" / "tiny-old-bird-names" / "data"
STEPS = 24
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
      checkpoints: {{every: 12}}
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


def wait_for_step(shell: Shell, run_id: str, step: int) -> None:
    """Wait until a step is done."""
    metrics = shell.home.run(run_id).metrics
    until(
        lambda: metrics.exists() and len(metrics.read_bytes().splitlines()) >= step,
        what="the run does not get on",
    )


def stop_one(shell: Shell, run_id: str, spec: LaunchSpec, step: int) -> None:
    """SIGTERM the second worker process of a launch, and only it, once a step is done."""
    wait_for_step(shell, run_id, step)
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "accelerate.commands.launch" in words or spec.launch_id not in words:
            continue
        if process.environ().get("RANK") == "1":
            process.send_signal(signal.SIGTERM)
            return
    raise AssertionError("there is no second process")


def kinds_of_events(shell: Shell, spec: LaunchSpec) -> list[str]:
    lines = shell.home.launch(spec.launch_id).events.read_text().splitlines()
    return [json.loads(line)["kind"] for line in lines]


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


def test_two_processes_are_cancelled_go_on_and_give_what_one_gives(
    shell: Shell, single: RunPaths
) -> None:
    """Both are told, and end after the same step; one writes."""
    first = launched(shell, "two", DEFINITION + DDP)
    run = first.run_ids[0]
    assert run.rpartition("-")[2] == single.root.name.rpartition("-")[2], (
        "the id says how it was trained"
    )
    process = launch.spawn(shell.home, first)
    wait_for_step(shell, run, 5)
    runs.cancel(shell.home, run)
    process.wait()  # the launcher ends by the signal
    until(lambda: not alive(shell.home.launch(first.launch_id)), "a process was left waiting")
    assert ended(shell, first) == "cancelled"

    second, *_ = restart_runs(shell.home, [run])
    assert launch.spawn(shell.home, second).wait() == 0
    assert "goes on from step" in shell.home.launch(second.launch_id).log.read_text()
    assert apart(shell.home.run(run), single) <= 1e-4
    assert steps_written(shell, run) == list(range(1, STEPS + 1))
    manifest = json.loads((shell.home.run(run).checkpoint(12) / "manifest.json").read_text())
    assert manifest["provenance"]["why"] == "the launch has 2 processes"
    kinds = [kinds_of_events(shell, spec) for spec in (first, second)]
    assert sum(of.count("checkpoint") for of in kinds) == 2
    assert [of.count("run_done") for of in kinds] == [1, 1]


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
    log = shell.home.launch(spec.launch_id).log.read_text()
    assert "goes on from step" in log
    assert log.count("sharded by FSDP") == 2 * 2, "each process of both launches"

    assert apart(shell.home.run(run), single) <= 1e-4
    assert sorted(set(steps_written(shell, run))) == list(range(1, STEPS + 1))
    assert adapter(shell.home.run(other)).keys() == adapter(single).keys()
    names = {path.name for path in shell.home.run(run).checkpoint(STEPS).iterdir()}
    assert names - {"README.md"} == {path.name for path in single.checkpoint(STEPS).iterdir()}
