"""A training that is stopped anywhere ends with the adapter of one that was not."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.training_home import TrainingHome, difference
from tests.builders.waiting import until
from tests.builders.worker_process import WorkerProcess
from wgen_tui.paths import Home
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.train import resume
from wgen_tui.workers.train.stage import train

CLOSE = 1e-4
TRAINING = {
    "max_steps": 40,
    "lora": {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1},
    "weight_decay": 0.05,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 5,
    "per_device_train_batch_size": 2,
    "checkpoints": {"every": 5},
}


def wait_for_step(field: TrainingHome, process: WorkerProcess, step: int) -> None:
    """Follow the progress events until some run has reached a step, or the worker has ended."""

    def reached() -> bool:
        for path in field.home.launches.glob("*/events.jsonl"):
            for line in path.read_text().splitlines():
                if line.endswith("}") and json.loads(line).get("done", 0) >= step:
                    return True
        return False

    until(lambda: process.poll() is not None or reached())


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, family: Callable[[str], Path]
) -> Callable[..., TrainingHome]:
    """`undisturbed(runs, **training)`: runs that nobody stopped, trained once for all tests."""
    fields: dict[str, TrainingHome] = {}

    def get(runs: int, **more: object) -> TrainingHome:
        key = f"{runs} {more}"
        if key not in fields:
            root = tmp_path_factory.mktemp("undisturbed") / "home"
            field = fields[key] = TrainingHome(Home(root).ensure(), family("llama"))
            for seed in range(runs):
                field.add(f"r{seed}", seed=seed, **{**TRAINING, **more})
            field.train()
        return fields[key]

    return get


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_again_and_again(
    make_field: Callable[..., TrainingHome],
    undisturbed: Callable[..., TrainingHome],
    how: signal.Signals,
) -> None:
    field = make_field()
    for seed in range(3):
        field.add(f"r{seed}", seed=seed, **TRAINING)
    rng = random.Random(int(how))
    for step in (7, 16, 30):
        process = WorkerProcess(field.home, field.launch().spec)
        wait_for_step(field, process, step + rng.randint(0, 3))
        process.send_signal(how)
        process.wait()
    worker = field.train()
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    assert any("goes on from step" in note for note in field.notes(worker))
    calm = undisturbed(3)
    for run_id in field.runs:
        assert difference(field.adapter(run_id), calm.adapter(run_id)) < CLOSE
        paths = field.home.run(run_id)
        assert not paths.resume.exists()
        steps = {path.name for path in paths.checkpoints.iterdir()}
        assert steps == {f"step-{n}" for n in range(5, 41, 5)}
        metrics = [json.loads(line)["step"] for line in paths.metrics.read_text().splitlines()]
        assert set(metrics) == set(range(1, 41))


def stopped(field: TrainingHome, after: int) -> Worker:
    """Train in this process and cancel each run as soon as a step is done."""
    worker = field.launch()
    progress = worker.progress

    def then_cancel(run_id: str, done: int, *rest: object, **values: object) -> None:
        progress(run_id, done, *rest, **values)  # type: ignore[arg-type]
        if done >= after:
            (worker.paths.control / f"cancel-{run_id}").touch()

    worker.progress = then_cancel  # type: ignore[method-assign, assignment]
    train(worker)
    return worker


@pytest.mark.parametrize(
    ("runs", "more"),
    [
        (3, {}),
        (1, {"lora": {"r": 4, "lora_alpha": 8, "use_dora": True}}),
        (2, {"gradient_accumulation_steps": 2, "max_grad_norm": None}),
    ],
    ids=["grid", "alone", "accumulating"],
)
def test_cancelled_and_taken_up_again(
    make_field: Callable[..., TrainingHome],
    undisturbed: Callable[..., TrainingHome],
    runs: int,
    more: dict[str, object],
) -> None:
    field = make_field()
    for seed in range(runs):
        field.add(f"r{seed}", seed=seed, **{**TRAINING, **more})
    worker = stopped(field, 13)
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"cancelled"}
    assert (field.home.run("r0").resume / "step-13").is_dir()
    field.train()
    calm = undisturbed(runs, **more)
    for run_id in field.runs:
        assert difference(field.adapter(run_id), calm.adapter(run_id)) < CLOSE


def test_an_incomplete_state_is_named_and_passed_over(
    make_field: Callable[..., TrainingHome],
) -> None:
    field = make_field()
    field.add("r0", **TRAINING)
    stopped(field, 12)
    folder = field.home.run("r0").resume / "step-12"
    (folder.parent / "step-30").mkdir()
    worker = field.launch()
    state, notes = resume.newest(worker.run_paths("r0"))
    assert state is not None and state.step == 12
    assert notes == ["resume/step-30 is incomplete and was passed over"]
    _flip(folder / "state.safetensors")
    state, notes = resume.newest(worker.run_paths("r0"))
    assert state is None
    assert any("step-12 is damaged (state.safetensors)" in note for note in notes)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
