"""Steps of a training, and those that are sampled."""

from __future__ import annotations

from typing import Literal

import pytest

from experiments.schema import SamplingConfig, TrainingConfig
from wgen_tui.protocol.launches import SampleStage
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import CheckpointManifest
from wgen_tui.run_files.steps import steps_per_epoch, steps_to_sample, total_steps


def stage(checkpoints: Literal["final", "all"] | tuple[int, ...]) -> SampleStage:
    return SampleStage(prompts=(), sampling=SamplingConfig(), checkpoints=checkpoints)


def kept(*steps: int, final: bool) -> dict[int, CheckpointManifest]:
    return {
        step: CheckpointManifest(
            run_id="r",
            step=step,
            steps=steps[-1],
            final=final and step == steps[-1],
            files={},
            created_at=now(),
        )
        for step in steps
    }


def test_the_last_batch_and_the_last_step_of_an_epoch_may_be_smaller() -> None:
    training = TrainingConfig(
        num_train_epochs=2, per_device_train_batch_size=4, gradient_accumulation_steps=2
    )
    assert steps_per_epoch(training, 17) == 3
    assert total_steps(training, 17) == 6
    assert total_steps(training.model_copy(update={"num_train_epochs": 0.01}), 17) == 1
    assert total_steps(TrainingConfig(max_steps=5), 17) == 5


@pytest.mark.parametrize(
    ("wanted", "planned", "trained"),
    [("final", (10,), (8,)), ("all", (10,), (4, 8)), ((4, 10), (10,), (4,))],
)
def test_planned_steps_are_sampled_until_a_run_is_trained(
    wanted: Literal["final", "all"] | tuple[int, ...],
    planned: tuple[int, ...],
    trained: tuple[int, ...],
) -> None:
    training = TrainingConfig(max_steps=10)
    assert steps_to_sample({}, stage(wanted), training, 1) == planned
    assert steps_to_sample(kept(4, final=False), stage(wanted), training, 1) == planned
    assert steps_to_sample(kept(4, 8, final=True), stage(wanted), training, 1) == trained
    assert steps_to_sample({}, stage(wanted), None, 0) == (0,)
