"""What `upsample:` of an arm may say: rows that stand twice, as a first training tells them apart.

Promises: an arm without it is written as it always was.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, GetJsonSchemaHandler, NonNegativeInt, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from experiments.schema.base import Model
from experiments.schema.training import TrainingConfig

FIRST = "first"  # ends the name of the arm whose runs are first trainings
TENTH = 10


class Upsample(Model):
    """Which rows stand twice in the data, after a first training of a tenth of the steps.

    USEFUL (Nguyen et al., NeurIPS 2024, arXiv 2404.17768): the rows are parted in two by the mean
    of the last hidden states over each answer, and those of the higher mean loss stand twice.
    `random` is its control: as many rows stand twice, by the seed's choice. In YAML also one word.
    """

    by: Literal["useful", "random"]
    class_: str | None = Field(
        default=None,
        alias="class",
        description="a field of the rows; the rows of each of its values are parted by themselves",
        exclude_if=lambda name: name is None,
    )
    seed: NonNegativeInt = Field(
        default=0, description="of the clusters' starts, and of the random choice"
    )

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return {"by": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        word = {"enum": ["useful", "random"]}
        return {"anyOf": [word, handler.resolve_ref_schema(handler(core))]}

    def __str__(self) -> str:
        """For people, on a line."""
        each = "" if self.class_ is None else f" of each {self.class_}"
        if self.by == "random":
            return f"as many rows{each} again, at random, as a first training learns slowly"
        return f"the rows{each} again that a first training learns slowly"


def first_training(training: TrainingConfig, steps: int) -> TrainingConfig:
    """The training of a tenth of the steps: at the rate with which the whole one begins.

    Args:
        training: Of the whole.
        steps: Of the whole.
    """
    tenth = max(1, round(steps / TENTH))
    warmup = training.warmup_steps or round(training.warmup_ratio * steps)
    same = {
        "max_steps": tenth,
        "num_train_epochs": None,
        "lr_scheduler_type": "constant_with_warmup" if warmup else "constant",
        "warmup_steps": min(warmup, tenth),
        "warmup_ratio": 0.0,
    }
    said = {name: getattr(training, name) for name in training.model_fields_set - {"checkpoints"}}
    return TrainingConfig(**{**said, **same})
