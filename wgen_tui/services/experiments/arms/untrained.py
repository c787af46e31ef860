"""Arms whose adapter is not trained here, made of others or brought: what is said of them."""

from __future__ import annotations

from experiments.schema import Arm, LoraConfig, TrainingConfig

STEPS = 1  # it has one checkpoint, and that has to have a step


def shape_alone(lora: LoraConfig, planned: TrainingConfig) -> TrainingConfig:
    """What a worker has to know: the adapter's shape, and how its base is loaded."""
    loaded = {key: getattr(planned, key) for key in ("precision", "quantization")}
    return TrainingConfig(lora=lora, max_steps=STEPS, **loaded)


def without_rows(name: str, arm: Arm) -> str:
    """What there is of an arm without rows of its own, and what there is not."""
    made = (
        "its adapter is made of two others" if arm.between else "its adapter comes from elsewhere"
    )
    held = "its held-out rows are shown"
    held = held if arm.held_out is not None else "it holds out none either"
    return f"{name}: there are no rows that train it, {made} ({arm.told}); {held}"
