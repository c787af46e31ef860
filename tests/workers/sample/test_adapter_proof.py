"""Nothing is drawn from an adapter that does nothing, or that is not the one that was trained."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.builders.sampling import (
    TEXTS,
    WEIGHTS,
    add_base,
    make_stage,
    sample_runs,
    samples_of,
    seal,
    zero,
)
from tests.builders.training_home import TrainingHome
from wgen_tui.protocol.launches import NO_EFFECT, NOT_TRAINED, FailedAt
from wgen_tui.workers.checkpoints import PROBE
from wgen_tui.workers.sample.adapter_proof import distance


@pytest.fixture
def field(make_field: Callable[..., TrainingHome]) -> TrainingHome:
    field = make_field("llama")
    for seed, run_id in enumerate(("a", "b")):
        field.add(run_id, seed=seed, max_steps=6, learning_rate=1e-2)
    add_base(field)
    field.train()
    return field


def last(field: TrainingHome, run_id: str) -> Path:
    return field.home.run(run_id).checkpoint(6)


def refused(field: TrainingHome, title: str) -> str:
    """Sample; run a fails with this title and draws nothing, b is well."""
    worker = sample_runs(field, make_stage(1))
    outcome = worker.outcomes["a"]
    assert (outcome.outcome, outcome.title) == ("failed", title)
    assert outcome.failed_at == FailedAt(step=6)
    assert samples_of(field, "a") == {}
    assert worker.outcomes["b"].outcome == "finished"
    assert len(samples_of(field, "b")) == len(TEXTS)
    return outcome.message


def test_a_good_adapter_is_sampled(field: TrainingHome) -> None:
    worker = sample_runs(field, make_stage(1))
    assert {o.outcome for o in worker.outcomes.values()} == {"finished"}


def test_a_foreign_checkpoint_without_probe_is_sampled(field: TrainingHome) -> None:
    (last(field, "a") / PROBE).unlink()
    seal(last(field, "a"))
    worker = sample_runs(field, make_stage(1))
    assert {o.outcome for o in worker.outcomes.values()} == {"finished"}


def test_zeroed_b_without_probe_has_no_effect(field: TrainingHome) -> None:
    zero(last(field, "a"))
    (last(field, "a") / PROBE).unlink()
    seal(last(field, "a"))
    assert "logits equal the base's" in refused(field, NO_EFFECT)


def test_zeroed_b_is_not_what_was_trained(field: TrainingHome) -> None:
    zero(last(field, "a"))
    seal(last(field, "a"))
    assert "equal the base's" in refused(field, NOT_TRAINED)


def test_another_runs_weights_are_noticed_by_the_probe(field: TrainingHome) -> None:
    shutil.copy(last(field, "b") / WEIGHTS, last(field, "a") / WEIGHTS)
    seal(last(field, "a"))
    assert "from those at the end of its training" in refused(field, NOT_TRAINED)


def test_another_runs_folder_is_noticed_by_its_name(field: TrainingHome) -> None:
    shutil.rmtree(last(field, "a"))
    shutil.copytree(last(field, "b"), last(field, "a"))
    assert "belongs to run b" in refused(field, NOT_TRAINED)


def test_a_changed_file_is_noticed_by_its_hash(field: TrainingHome) -> None:
    zero(last(field, "a"))
    assert WEIGHTS in refused(field, NOT_TRAINED)


def test_an_early_checkpoint_may_still_be_the_base(make_field: Callable[..., TrainingHome]) -> None:
    """A warm-up from a rate of zero: the first step changes nothing."""
    field = make_field("llama")
    field.add("warm", max_steps=4, warmup_steps=2, learning_rate=1e-2, checkpoints={"every": 1})
    field.train()
    worker = sample_runs(field, make_stage(1, checkpoints="all"), "warm")
    assert worker.outcomes["warm"].outcome == "finished"
    assert any("step 1 gives the base's logits" in note for note in field.notes(worker))
    assert {row["step"] for row in samples_of(field, "warm").values()} == {1, 2, 3, 4}


def test_a_dora_adapter_is_proven_too(make_field: Callable[..., TrainingHome]) -> None:
    field = make_field("llama")
    field.add("a", max_steps=6, learning_rate=1e-2, lora={"r": 4, "use_dora": True})
    field.add("b", max_steps=6, learning_rate=1e-2)
    add_base(field)
    field.train()
    zero(last(field, "a"))
    seal(last(field, "a"))
    refused(field, NOT_TRAINED)


def test_distance_does_not_see_what_no_probability_depends_on() -> None:
    logits = torch.randn(100)
    assert distance(logits + 7, logits) < 1e-6
    assert distance(logits * 1.01, logits) == pytest.approx(0.01, rel=1e-3)
