"""Runs of one stack share their rounding: stopped anywhere, they end the same to the bit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.builders.training_home import TrainingHome
from wgen_tui.paths import Home
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.train import resume
from wgen_tui.workers.train.stage import train

TRAINING = {
    "max_steps": 12,
    "lora": {"r": 4, "lora_alpha": 8},
    "per_device_train_batch_size": 4,
    "checkpoints": {"every": 4},
    "learning_rate": 1e-2,
}
RUNS = ("r0", "r1", "r2", "r3")
SHORT = {"r2": {"max_steps": 7}}  # it has its final checkpoint while the others train on


class Killed(BaseException):
    """Ends a training as a kill does: nothing is written any more."""


def add_runs(field: TrainingHome, **more: dict[str, object]) -> TrainingHome:
    for seed, run_id in enumerate(RUNS):
        field.add(run_id, seed=seed, **{**TRAINING, **more.get(run_id, {})})
    return field


def train_until(field: TrainingHome, run_id: str, step: int) -> Worker:
    """Train in this process until a run has done a step, and those before it have written."""
    worker = field.launch()
    progress = worker.progress

    def then_die(name: str, done: int, *rest: object, **values: object) -> None:
        progress(name, done, *rest, **values)  # type: ignore[arg-type]
        if (name, done) == (run_id, step):
            raise Killed

    worker.progress = then_die  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        train(worker)
    return worker


def assert_same(field: TrainingHome, calm: TrainingHome) -> None:
    """Every checkpoint is equal to the bit, and nothing to resume from is left."""
    for run_id in RUNS:
        ours, theirs = field.home.run(run_id), calm.home.run(run_id)
        names = sorted(path.name for path in theirs.checkpoints.iterdir())
        assert sorted(path.name for path in ours.checkpoints.iterdir()) == names
        for name in names:
            files = [one.checkpoints / name / "adapter_model.safetensors" for one in (ours, theirs)]
            assert files[0].read_bytes() == files[1].read_bytes(), f"{run_id} {name}"
        assert not ours.resume.exists() and not theirs.resume.exists()
        steps = [json.loads(line)["step"] for line in ours.metrics.read_text().splitlines()]
        assert sorted(set(steps)) == list(range(1, max(steps) + 1))


@pytest.fixture(scope="module")
def calm(
    tmp_path_factory: pytest.TempPathFactory, family: Callable[[str], Path]
) -> dict[str, TrainingHome]:
    """Four runs that nobody stopped: of one length, and with a short one among them."""
    homes = {}
    for name, more in (("even", {}), ("uneven", SHORT)):
        home = Home(tmp_path_factory.mktemp("calm") / name).ensure()
        homes[name] = add_runs(TrainingHome(home, family("llama")), **more)
        homes[name].train()
    return homes


def test_rounding_follows_the_stack(
    make_field: Callable[..., TrainingHome], calm: dict[str, TrainingHome]
) -> None:
    # What the other tests show is worth something only where this is so.
    field = add_runs(make_field())
    field.train("r1")
    ours, theirs = field.adapter("r1"), calm["even"].adapter("r1")
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("kind", "run_id", "step"),
    [
        ("even", "r2", 4),  # two of four have their first checkpoint, and no state
        ("even", "r1", 12),  # one is trained already
        ("even", "r3", 12),  # only one is left
        ("uneven", "r3", 7),  # the short one is trained, and its step had no states
        ("uneven", "r0", 9),
        ("uneven", "r3", 12),
    ],
)
def test_killed(
    make_field: Callable[..., TrainingHome],
    calm: dict[str, TrainingHome],
    kind: str,
    run_id: str,
    step: int,
) -> None:
    field = add_runs(make_field(), **({} if kind == "even" else SHORT))
    train_until(field, run_id, step)
    worker = field.train()
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    assert_same(field, calm[kind])


def test_a_new_launch_leaves_the_trained_ones_out(
    make_field: Callable[..., TrainingHome], calm: dict[str, TrainingHome]
) -> None:
    field = add_runs(make_field())
    before = train_until(field, "r2", 12)
    assert set(before.outcomes) == set()
    worker = field.train("r2", "r3")
    assert set(worker.outcomes) == {"r2", "r3"}
    notes = field.notes(worker)
    assert "r0: is trained, and keeps its place in the stack from step 8 for the others" in notes
    assert_same(field, calm["even"])


def test_killed_while_states_are_written(
    make_field: Callable[..., TrainingHome], calm: dict[str, TrainingHome], tmp_path: Path
) -> None:
    field = add_runs(make_field())
    train_until(field, "r0", 6)
    aside = {run_id: tmp_path / run_id for run_id in RUNS}
    for run_id, folder in aside.items():
        shutil.copytree(field.home.run(run_id).resume, folder)
    train_until(field, "r0", 10)
    for run_id in RUNS[:2]:  # as it is when two of four have written theirs
        folder = field.home.run(run_id).resume
        shutil.copytree(aside[run_id] / "step-4", folder / "step-4")
        (folder / "step-8" / resume.ALL_SAVED).unlink()
    for run_id in RUNS[2:]:
        folder = field.home.run(run_id).resume
        shutil.rmtree(folder)
        shutil.copytree(aside[run_id], folder)
    field.train()
    assert_same(field, calm["even"])


def test_killed_while_the_first_states_are_written(
    make_field: Callable[..., TrainingHome], calm: dict[str, TrainingHome]
) -> None:
    field = add_runs(make_field())
    train_until(field, "r0", 6)
    (field.home.run("r0").resume / "step-4" / resume.ALL_SAVED).unlink()
    for run_id in RUNS[1:]:
        shutil.rmtree(field.home.run(run_id).resume)
    worker = field.train()
    assert any("not saved by all of the stack" in note for note in field.notes(worker))
    assert_same(field, calm["even"])


def test_without_the_others_it_goes_on_from_its_own_state(
    make_field: Callable[..., TrainingHome],
) -> None:
    field = add_runs(make_field())
    train_until(field, "r0", 10)
    worker = field.train("r1")
    notes = field.notes(worker)
    assert "r1: goes on from step 8 of 12" in notes
    assert any(note.startswith("r1: goes on in another stack than before") for note in notes)
    worker = field.train()
    assert any(note == "r0: goes on from step 8 of 12" for note in field.notes(worker))
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}


def test_new_runs_wait_for_those_that_go_on(make_field: Callable[..., TrainingHome]) -> None:
    field = add_runs(make_field())
    train_until(field, "r0", 10)
    field.add("r4", seed=4, **TRAINING)
    field.train()
    assert field.manifest("r0")["provenance"]["stack"] == [4]
    assert field.manifest("r4")["provenance"]["stack"] == [1]
