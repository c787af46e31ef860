"""What `between:` of an arm may say: an adapter between those of two other arms.

Promises: what is between is the change of the weights, (1 - t) of the first's and t of the other's;
an arm without it is written as it always was.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, GetJsonSchemaHandler, field_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from experiments.schema.base import Model
from experiments.schema.training import LoraConfig


def arm_and_step(text: str) -> tuple[str, int | None]:
    """What `arm` or `arm@step` names; without a step the last is meant."""
    name, _, step = text.partition("@")
    return name, int(step) if step else None


def checked_arm_and_step(text: str) -> str:
    """The same text, if it is of that shape.

    Raises:
        ValueError: it is not.
    """
    if not re.fullmatch(r"[^@\s]+(@[1-9][0-9]*)?", text):
        raise ValueError(f"{text!r} is no arm or arm@step, such as old or old@40")
    return text


def lora_between(first: LoraConfig, second: LoraConfig, t: float) -> LoraConfig:
    """The shape of the adapter between two of these shapes: their ranks add up, with scale 1."""
    if t in (0, 1):
        return second if t else first
    rank = first.r + second.r
    modules, other = first.target_modules, second.target_modules
    layers = first.layers_to_transform
    if modules != other:
        named = not isinstance(modules, str) and not isinstance(other, str)
        modules = tuple(sorted({*modules, *other})) if named else "all-linear"
    if layers != second.layers_to_transform:
        layers = None
    return LoraConfig(r=rank, lora_alpha=rank, target_modules=modules, layers_to_transform=layers)


class Between(Model):
    """Two adapters of the experiment, and where between them the arm lies."""

    arms: tuple[str, ...] = Field(
        description="the arms, or arm@step, whose runs of the same seed are taken"
    )
    t: Annotated[float, Field(ge=0, le=1)] = Field(
        description="0 is the first, 1 the second. A list makes an arm for each"
    )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Of a list the reader makes arms."""
        inner = handler.resolve_ref_schema(handler(core))
        number = inner["properties"]["t"]
        described = {key: number.pop(key) for key in ("title", "description")}
        several = {"type": "array", "items": dict(number), "minItems": 1}
        inner["properties"]["t"] = {**described, "anyOf": [number, several]}
        return inner

    @field_validator("arms")
    @classmethod
    def _two(cls, arms: tuple[str, ...]) -> tuple[str, ...]:
        if len(arms) != 2:
            raise ValueError(f"an arm lies between two others, not {len(arms)}: arms: [old, new]")
        first, second = map(checked_arm_and_step, arms)
        if first == second:
            raise ValueError(f"there is nothing between {first} and itself")
        return first, second

    @property
    def ends(self) -> tuple[tuple[str, int | None], ...]:
        """Arm and step of both; None: its last."""
        return tuple(map(arm_and_step, self.arms))

    def __str__(self) -> str:
        """For people, on a line."""
        first, second = self.arms
        return f"{1 - self.t:g} of {first} and {self.t:g} of {second}"
