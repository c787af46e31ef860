"""A training that goes on from another run's adapter, with a fresh optimiser and its own rows."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from tests.builders.home import write_done
from tests.builders.training_home import TrainingHome, difference
from tests.workers.train.test_weights import BATCH, RATE, STEPS, alone, plain_loop, read
from tests.workers.train.test_weights import weighted_rows as rows
from wgen_tui.protocol.arms import Parent
from wgen_tui.protocol.launches import RunOutcome
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.train import resume

CLOSE = 1e-4
TRAINING: dict[str, Any] = {
    "max_steps": STEPS,
    "learning_rate": RATE,
    "per_device_train_batch_size": BATCH,
}


def two_stages(field: TrainingHome, step: int | None = None, **second: Any) -> Worker:
    """Train `first`, then give the home `second` and `other`, which go on from it."""
    first = {**TRAINING, "checkpoints": {"every": 4}}
    field.add("first", own_rows=read(rows(0)), **first)
    worker = field.train("first")
    parent = Parent(run_id="first", arm="first", step=step)
    for seed, name in enumerate(("second", "other"), start=1):
        own = {**TRAINING, **second}
        field.add(name, seed=seed, own_rows=read(rows(seed)), parent=parent, **own)
    return worker


@pytest.mark.parametrize("step", [None, 4])
def test_a_second_stage_is_a_plain_loop_from_that_adapter(
    make_field: Callable[..., TrainingHome], step: int | None
) -> None:
    grid, single = make_field(home="grid"), make_field(home="single")
    for field in (grid, single):
        two_stages(field, step)
    worker = grid.train("second", "other")
    assert grid.manifest("second")["provenance"]["stack"] == [2]
    for seed, name in enumerate(("second", "other"), start=1):
        start = grid.home.run("first").checkpoint(step or STEPS)
        expected = plain_loop(grid, rows(seed), seed, start)
        alone(single, name)
        assert difference(grid.adapter(name), expected) < CLOSE
        assert difference(single.adapter(name), expected) < CLOSE
        noted = grid.manifest(name)["provenance"]["start_from"]
        assert (noted["run"], noted["step"]) == ("first", step or STEPS)
    assert difference(grid.adapter("second"), grid.adapter("first")) > 0.1
    assert any("second: goes on with the adapter at" in note for note in grid.notes(worker))


def test_a_second_stage_that_is_stopped_goes_on_where_it_stood(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = make_field(home="whole"), make_field(home="stopped")
    for field in (whole, stopped):
        two_stages(field, checkpoints={"every": 3})
    whole.train("second")
    write = resume.write

    def stop(run: Any, run_id: str, state: Any) -> None:
        write(run, run_id, state)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(resume, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            stopped.train("second")
    worker = stopped.train("second")
    assert stopped.manifest("second")["provenance"]["resumed_at"] == [3]
    assert difference(stopped.adapter("second"), whole.adapter("second")) < CLOSE
    assert not any("goes on with" in note for note in stopped.notes(worker))


def refused(field: TrainingHome, *runs: str) -> RunOutcome:
    worker = field.train(*runs)
    outcome = worker.outcomes["second"]
    assert outcome.outcome == "failed"
    return outcome


def test_a_parent_that_failed_says_so(make_field: Callable[..., TrainingHome]) -> None:
    field = make_field()
    field.add("first", learning_rate=1e30, max_grad_norm=None)
    field.add("second", parent=Parent(run_id="first", arm="a"))
    field.add("third")
    worker = field.train("first", "third")
    write_done(worker.paths, worker.outcomes, "failed")
    outcome = refused(field, "second")
    assert outcome.title == "Parent not trained"
    assert "the final checkpoint of first (arm a), which is not there" in outcome.message
    assert "That training failed: Training diverged: The loss or its gradient" in outcome.message


def test_an_adapter_of_another_shape_is_refused(make_field: Callable[..., TrainingHome]) -> None:
    field = make_field()
    two_stages(field, lora={"r": 4, "lora_alpha": 8})
    assert "its r is 8" in refused(field, "second").message
    folder = field.home.run("first").checkpoint(STEPS)
    (folder / "adapter_model.safetensors").write_bytes(b"x")
    assert refused(field, "second").title == "Parent damaged"


@pytest.mark.slow
def test_it_is_verified_by_trl_from_the_same_adapter(
    make_field: Callable[..., TrainingHome],
) -> None:
    pytest.importorskip("trl")
    from wgen_tui.workers.verify.check import Verifier

    field = make_field()
    field.add("first", max_steps=6)
    field.add("second", seed=1, parent=Parent(run_id="first", arm="a"), max_steps=6)
    field.train("first")
    field.train("second")
    found = Verifier(field.home, "second", io.StringIO()).run(floor=False)
    assert found.passed
    assert any("both trainings began with the adapter at" in note for note in found.notes)
