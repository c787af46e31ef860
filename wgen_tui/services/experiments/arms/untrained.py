"""What a run says of its training whose adapter is not trained here: made of others, or brought."""

from __future__ import annotations

from experiments.schema import LoraConfig, TrainingConfig

STEPS = 1  # it has one checkpoint, and that has to have a step


def shape_alone(lora: LoraConfig, planned: TrainingConfig) -> TrainingConfig:
    """What a worker has to know: the adapter's shape, and how its base is loaded."""
    loaded = {key: getattr(planned, key) for key in ("precision", "quantization")}
    return TrainingConfig(lora=lora, max_steps=STEPS, **loaded)
