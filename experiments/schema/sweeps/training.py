"""What `sweep:` in a definition may say: every arm with each of several values of some keys.

Promises: of several keys every combination is trained; the arms' names follow from keys and values.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, field_validator

from experiments.schema.base import NAME, Model
from experiments.schema.training import LoraConfig, PolyConfig, TrainingConfig

Scalar = str | int | float | bool
Several = Annotated[list[Scalar], Field(min_length=1)]
Labelled = Annotated[dict[str, Scalar | dict[str, Any]], Field(min_length=1)]
PARTS: dict[str, type[Model]] = {"lora": LoraConfig, "poly": PolyConfig}
ONE_FOR_ALL = ("method", "precision", "quantization", *PARTS)  # of the arms of a model


def sweepable() -> list[str]:
    """The keys of training that may differ between arms, as `lora.r`."""
    parts = [f"{part}.{key}" for part, model in PARTS.items() for key in model.model_fields]
    return [key for key in TrainingConfig.model_fields if key not in ONE_FOR_ALL] + parts


class TrainingSweep(Model):
    """Keys with their values; an arm `old` becomes `old-r-4`, `old-r-16`, and so on.

    A key is one of training's, `lora.r` for one within, or one of arms, `regularise.kl_to_base`, or
    one of sampling, `sampling.temperature`, which sweeps variants and not arms; its values are a
    list, or labels with a value each. Any other name has labels with a mapping of training's keys
    each: `rank: {small: {lora: {r: 4, lora_alpha: 8}}}` gives `old-rank-small`.
    """

    keys: Annotated[dict[str, Several | Labelled], Field(min_length=1)]
    arms: tuple[str, ...] | None = Field(default=None, description="names of arms; all when absent")

    @field_validator("keys")
    @classmethod
    def _each_once(cls, keys: dict[str, Any]) -> dict[str, Any]:
        for key, values in keys.items():
            if isinstance(values, list) and len({*map(_said, values)}) < len(values):
                raise ValueError(f"a value of {key} stands twice")
            for label in _labelled(values):
                if not NAME.match(label):
                    raise ValueError(f"{label!r} of {key} cannot be in a name; give it a label")
        return keys

    def each(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The end of an arm's name, and its value by key, of every combination."""
        spread = [
            [(f"{key.rpartition('.')[2]}-{label}", key, value) for label, value in pairs.items()]
            for key, pairs in ((key, _labelled(values)) for key, values in self.keys.items())
        ]
        for chosen in itertools.product(*spread):
            end = "-".join(part for part, _, _ in chosen)
            yield end, {key: value for _, key, value in chosen}


def _labelled(values: Any) -> dict[str, Any]:
    return values if isinstance(values, dict) else {_said(value): value for value in values}


def _said(value: Scalar) -> str:
    """A value in a name: `1e-05`, `true`."""
    return str(value).lower() if isinstance(value, bool) else str(value)
