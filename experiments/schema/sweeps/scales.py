"""What `scales:` in a definition may say: how much of it `run start --scale NAME` plans.

Promises: a scale chooses what could be asked for by hand (`--model`, `--arms`, `--seeds`, `--n`,
`--checkpoints`): it makes no run that those would not, and is no part of a definition's hash.
"""

from __future__ import annotations

from pydantic import Field, PositiveInt, model_validator

from experiments.schema.arms import Seeds
from experiments.schema.base import Model


class Scale(Model):
    """One size of the experiment; what it leaves out is as the definition says."""

    description: str = ""
    models: tuple[str, ...] | None = Field(default=None, min_length=1)
    arms: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="names of arms; base always comes along"
    )
    seeds: Seeds | None = None
    n: PositiveInt | None = Field(default=None, description="draws of each prompt")
    checkpoints: str | None = Field(
        default=None, description="which are sampled: final, all, or steps such as 10,20"
    )

    @model_validator(mode="after")
    def _chooses(self) -> Scale:
        if not self.model_fields_set - {"description"}:
            raise ValueError("say in what it differs: models, arms, seeds, n or checkpoints")
        if self.seeds is not None and self.seeds.model_fields_set != {"values"}:
            raise ValueError("seeds of a scale are numbers; what fixes them stands above")
        return self
