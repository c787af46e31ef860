"""What `training:` in a definition may say: the adapter, the optimiser, and which steps are kept.

Promises: names and defaults are those of transformers, TRL and PEFT wherever they have one; a
configuration that is written can be read again.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from experiments.schema.base import Model


class LoraConfig(Model):
    """PEFT's LoraConfig, the part that experiments vary; names are PEFT's."""

    r: PositiveInt = 8
    lora_alpha: PositiveFloat = 16
    lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target_modules: str | tuple[str, ...] = "all-linear"
    layers_to_transform: tuple[int, ...] | None = None
    use_rslora: bool = False
    use_dora: bool = False
    modules_to_save: tuple[str, ...] | None = None


class PolyConfig(Model):
    """PEFT's PolyConfig, the part that experiments vary; names are PEFT's.

    One adapter for all arms of a launch, each arm a task that mixes `n_skills` LoRAs in its own
    way; with `n_splits` above 1 the mix is made for each split of a module's width (MHR).
    """

    r: PositiveInt = 8
    n_skills: PositiveInt = 4
    n_splits: PositiveInt = 1
    target_modules: str | tuple[str, ...] = "all-linear"


class CheckpointsConfig(Model):
    """Which steps are kept. Exactly one of the four; the final step is always kept.

    In YAML: `final`, or a mapping with `every`, `fractions` or `log_spaced`.
    """

    every: PositiveInt | None = None
    fractions: tuple[Annotated[float, Field(gt=0, le=1)], ...] | None = None
    log_spaced: PositiveInt | None = None

    @model_validator(mode="before")
    @classmethod
    def _final(cls, value: Any) -> Any:
        if value == "final":
            return {}
        if isinstance(value, str):
            raise ValueError("write final, {every: N}, {fractions: [...]} or {log_spaced: N}")
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"const": "final"}, handler.resolve_ref_schema(handler(core))]}

    @model_validator(mode="after")
    def _one(self) -> CheckpointsConfig:
        given = [self.every, self.fractions, self.log_spaced]
        if sum(item is not None for item in given) > 1:
            raise ValueError("give only one of every, fractions, log_spaced")
        return self

    def steps(self, total: int) -> tuple[int, ...]:
        """The steps to keep of `total` optimiser steps, ascending, ending with `total`."""
        kept = {total}
        if self.every is not None:
            kept |= set(range(self.every, total + 1, self.every))
        if self.fractions is not None:
            kept |= {max(1, round(total * part)) for part in self.fractions}
        if self.log_spaced is not None:
            count = self.log_spaced
            kept |= {max(1, round(total ** (i / count))) for i in range(1, count + 1)}
        return tuple(sorted(kept))


class TrainingConfig(Model):
    """Supervised fine-tuning of an adapter; names are transformers' and TRL's."""

    method: Literal["lora", "poly"] = "lora"
    lora: LoraConfig = LoraConfig()
    poly: PolyConfig = PolyConfig()
    num_train_epochs: PositiveFloat | None = None
    max_steps: PositiveInt | None = None
    per_device_train_batch_size: PositiveInt = 1
    gradient_accumulation_steps: PositiveInt = 1
    learning_rate: PositiveFloat = 1e-4
    lr_scheduler_type: Literal[
        "linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"
    ] = "linear"
    warmup_steps: NonNegativeInt = 0
    warmup_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0
    weight_decay: NonNegativeFloat = 0.0
    max_grad_norm: PositiveFloat | None = 1.0
    adam_beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    adam_beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    adam_epsilon: PositiveFloat = 1e-8
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    quantization: Literal["none", "8bit", "4bit"] = "none"
    gradient_checkpointing: bool = False
    max_length: PositiveInt = 1024
    too_long: Literal["error", "truncate", "drop"] = "error"
    train_on: Literal["all", "last"] = Field(
        default="all",
        description="which of the assistant's turns are trained: those that count, or the last one",
        exclude_if=lambda which: which == "all",  # what old runs say stays as it was
    )
    allow_untrained_end: bool = Field(
        default=False,
        description="train although no example has its end token in the loss; else refused",
    )
    checkpoints: CheckpointsConfig = CheckpointsConfig()

    @field_validator("lora", "poly", mode="before")
    @classmethod
    def _goes_with_method(cls, value: Any, info: ValidationInfo) -> Any:
        method = info.data.get("method", info.field_name)
        if method != info.field_name:
            raise ValueError(f"{info.field_name} is given, but the method is {method}")
        return value

    @model_serializer(mode="wrap")
    def _only_its_method(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the other method's keys out, since they could not be read again."""
        others = {"lora", "poly"} - {self.method}
        return {key: value for key, value in handler(self).items() if key not in others}

    @property
    def adapter(self) -> str:
        """The kind of adapter and its size, for people."""
        if self.method == "lora":
            return f"LoRA r={self.lora.r} alpha={self.lora.lora_alpha:g}"
        poly = self.poly
        if poly.n_splits == 1:
            return f"Poly r={poly.r}, {poly.n_skills} skills"
        return f"MHR r={poly.r}, {poly.n_skills} skills, {poly.n_splits} splits"

    @property
    def not_stackable_because(self) -> str | None:
        """Why a run so trained cannot be one of several adapters in a pass; None if it can."""
        if self.method == "poly":
            return "a Poly adapter is trained on all its tasks together"
        if self.lora.use_dora:
            return "DoRA's magnitudes are not a sum of B·A"
        if self.lora.modules_to_save:
            return "modules_to_save are trained whole"
        return None

    @model_validator(mode="after")
    def _length(self) -> TrainingConfig:
        if (self.num_train_epochs is None) == (self.max_steps is None):
            raise ValueError("give either num_train_epochs or max_steps")
        return self
