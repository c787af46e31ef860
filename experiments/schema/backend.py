"""What `backend:` in a definition may say: this box, or Slurm and what is asked of it.

Promises: the names are sbatch's; a definition is data, so nothing here reaches a shell (a value is
one word, and lines for the job's script stand only in the user's own config.toml).
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from experiments.schema.base import Model


def _one_word(value: str) -> str:
    # A line break in a value would end sbatch's comment, and the rest would be run.
    if not re.fullmatch(r"[!-~]{1,200}", value):
        raise ValueError(f"{value!r} is not one word, as sbatch takes it")
    return value


Word = Annotated[str, AfterValidator(_one_word)]


class SlurmOptions(Model):
    """How launches are given to Slurm; names are sbatch's.

    Attributes:
        time: Minutes; at the limit the worker saves its state and the job is requeued.
        array_parallelism: Most tasks of an array that run at once.
        runs_per_launch: How many runs one task of the array serves.
        signal_seconds: How long before the limit the worker is told to save.
        max_requeues: How often a task is requeued before it is given up.
    """

    partition: Word | None = None
    account: Word | None = None
    qos: Word | None = None
    time: PositiveInt = Field(default=240, description="minutes")
    gres: Word | None = Field(default=None, description="such as gpu:1")
    constraint: Word | None = None
    exclude: Word | None = Field(default=None, description="nodes that are not to be used")
    cpus_per_task: PositiveInt = 1
    mem: Word | None = Field(default=None, description="such as 32G")
    nice: NonNegativeInt | None = None
    array_parallelism: PositiveInt = 256
    runs_per_launch: PositiveInt = 8
    signal_seconds: PositiveInt = Field(default=90, description="before the limit")
    max_requeues: NonNegativeInt = 20

    @model_validator(mode="after")
    def _time_to_work(self) -> SlurmOptions:
        if self.signal_seconds >= 60 * self.time:
            raise ValueError(
                f"signal_seconds {self.signal_seconds} leaves nothing of {self.time} min of time"
            )
        return self


class Backend(Model):
    """Where launches run. In YAML: `local`, `slurm`, or `slurm` with what is asked of it."""

    slurm: SlurmOptions | None = Field(default=None, description="None: on this box")

    @model_validator(mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        if value == "local":
            return {}
        if value == "slurm":
            return {"slurm": {}}
        if isinstance(value, str):
            raise ValueError(f"{value!r} is no backend; write local, slurm or {{slurm: {{...}}}}")
        if isinstance(value, dict) and "slurm" in value and value["slurm"] is None:
            return {**value, "slurm": {}}
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"enum": ["local", "slurm"]}, handler.resolve_ref_schema(handler(core))]}
