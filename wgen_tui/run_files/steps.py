"""How many steps a training takes, and which of them are sampled.

Promises: plan, estimate and worker count with this code alone, as transformers' Trainer counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from experiments.schema import TrainingConfig
from wgen_tui.protocol.launches import SampleStage
from wgen_tui.protocol.runs import CheckpointManifest


def steps_per_epoch(training: TrainingConfig, examples: int) -> int:
    """Optimiser steps of an epoch; the last may have fewer batches, its last batch fewer rows."""
    batches = math.ceil(examples / training.per_device_train_batch_size)
    return math.ceil(batches / training.gradient_accumulation_steps)


def total_steps(training: TrainingConfig, examples: int) -> int:
    """Optimiser steps of a training."""
    if training.max_steps is not None:
        return training.max_steps
    per_epoch = steps_per_epoch(training, examples)
    return max(1, math.ceil((training.num_train_epochs or 0) * per_epoch))


def steps_to_sample(
    checkpoints: Mapping[int, CheckpointManifest],
    stage: SampleStage,
    training: TrainingConfig | None,
    examples: int,
) -> tuple[int, ...]:
    """The steps of a run that a sample stage draws from.

    Args:
        checkpoints: What the run has on disk, by step.
        stage: What is to be sampled.
        training: The run's; None for the base, which has step 0 alone.
        examples: How many its training sees; without a final checkpoint the steps are those
            planned.
    """
    if training is None:
        return (0,)
    if stage.checkpoints == "final":
        final = next((step for step, manifest in checkpoints.items() if manifest.final), None)
        return (total_steps(training, examples) if final is None else final,)
    kept = kept_steps(checkpoints, training, examples)
    if stage.checkpoints == "all":
        return kept
    return tuple(step for step in stage.checkpoints if step in kept)


def kept_steps(
    checkpoints: Mapping[int, CheckpointManifest], training: TrainingConfig | None, examples: int
) -> tuple[int, ...]:
    """The steps of a run that are kept, or will be; arguments as for `steps_to_sample`."""
    if training is None:
        return (0,)
    if any(manifest.final for manifest in checkpoints.values()):
        return tuple(checkpoints)
    return training.checkpoints.steps(total_steps(training, examples))
