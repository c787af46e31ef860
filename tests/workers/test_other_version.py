"""What workers do with a run that another version has worked on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.sampling import make_stage, sample_runs
from tests.builders.training_home import TrainingHome
from wgen_tui.protocol.launches import RunOutcome
from wgen_tui.workers.train.stage import train


@pytest.fixture
def field(make_field: Callable[..., TrainingHome]) -> TrainingHome:
    """Two trained runs."""
    field = make_field("llama")
    for seed, run_id in enumerate(("a", "b")):
        field.add(run_id, seed=seed, rows=4, max_steps=2, checkpoints={"every": 1})
    field.train()
    return field


def manifest(field: TrainingHome, run_id: str, step: int) -> Path:
    return field.home.run(run_id).checkpoint(step) / "manifest.json"


def test_training_and_sampling_refuse_it_alike(field: TrainingHome) -> None:
    """The plan does so too, with the same words (tests/services/planning/test_todo.py)."""
    path = manifest(field, "a", 2)
    changed = json.dumps({**json.loads(path.read_text()), "schema_version": 2})
    path.write_text(changed)
    trained, sampled = field.launch(), sample_runs(field, make_stage(1), "a", "b")
    train(trained)
    for worker in (trained, sampled):
        assert worker.outcomes["b"].outcome == "finished"
        assert worker.outcomes["a"] == RunOutcome(
            outcome="failed",
            title="Made by another version",
            message=f"{path} was made by a newer version (schema 2; this version reads 1).",
            hint=f"Upgrade wgen-tui, or move the folder {path.parent} away to train without it.",
        )
    assert path.read_text() == changed
    assert (path.parent / "adapter_model.safetensors").exists()
    assert manifest(field, "a", 1).exists()


def test_a_torn_manifest_is_trained_again(field: TrainingHome) -> None:
    path = manifest(field, "a", 2)
    whole = json.loads(path.read_text())
    path.write_bytes(path.read_bytes()[:50])
    worker = field.train()
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    assert [note for note in field.notes(worker) if "trained already" in note] == [
        "b: is trained already"
    ]
    again = json.loads(path.read_text())
    assert (again["step"], again["final"]) == (whole["step"], True)
