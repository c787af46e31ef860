"""What `training: {for: […]}` may say: what differs for some models or arms.

Promises: a run's training is resolved once, by `Training.of`, into a plain `TrainingConfig`, which
stands in its spec; a definition without `for` says what it always said, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from experiments.schema.base import Model
from experiments.schema.training import TrainingConfig

WHERE = ("models", "arms")
PARTS = ("lora", "poly")  # of which what is not said stays
# Of each pair one counts, so to say one takes the other back.
PAIRS = (("num_train_epochs", "max_steps"), ("warmup_steps", "warmup_ratio"))


class TrainingFor(TrainingConfig):
    """What is trained otherwise for these models and arms; keys that are not given stay.

    Names may have `*`: `year-*` are all arms of a spread one. Without `models` it counts for all
    models, without `arms` for all arms; a later entry goes over an earlier one.
    """

    models: tuple[str, ...] = Field(default=(), description="as `models:` names them; none: all")
    arms: tuple[str, ...] = Field(default=(), description="none: all")

    @field_validator("models", "arms", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("lora", "poly", mode="before")
    @classmethod
    def _goes_with_method(cls, value: Any, info: ValidationInfo) -> Any:
        return value  # the method stands outside of `for`; `experiments.checking.training` looks

    @model_validator(mode="after")
    def _length(self) -> TrainingFor:
        if not (self.models or self.arms):
            raise ValueError("say for which models or arms, such as models: [tiny-world]")
        if not self.changes:
            raise ValueError("say what differs, such as learning_rate: 1.0e-5")
        if self.num_train_epochs is not None and self.max_steps is not None:
            raise ValueError("give either num_train_epochs or max_steps")
        return self

    @model_serializer(mode="wrap")
    def _only_its_method(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is said, a default too: it may differ from what stands outside."""
        return {
            name: _dumped(getattr(self, name))
            for name in type(self).model_fields
            if name in self.model_fields_set
        }

    @property
    def changes(self) -> list[str]:
        """The keys that differ, in the order of the schema."""
        named = self.model_fields_set.difference(WHERE)
        return [name for name in type(self).model_fields if name in named]

    def counts_for(self, model: str, arm: str) -> bool:
        """Whether it is about an arm of a model."""
        return matches(self.models, model) and matches(self.arms, arm)

    def __str__(self) -> str:
        """For people: `tiny-*, arm old: learning_rate 1e-05, lora.r 16`."""
        where = [*self.models, *(f"arm {name}" for name in self.arms)]
        said = []
        for name in self.changes:
            value = _dumped(getattr(self, name))
            inner = value.items() if name in PARTS else ()
            said += [f"{name}.{key} {item}" for key, item in inner] or [f"{name} {value}"]
        return f"{', '.join(where)}: {', '.join(said)}"


class Training(TrainingConfig):
    """How runs are trained, with what differs for some of them."""

    for_: tuple[TrainingFor, ...] = Field(
        default=(),
        alias="for",
        description="what differs for some models or arms",
        exclude_if=lambda entries: not entries,  # what old definitions say stays as it was
    )

    @model_serializer(mode="wrap")
    def _only_its_method(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        others = {"lora", "poly"} - {self.method}
        return {
            "for" if key == "for_" else key: value
            for key, value in handler(self).items()
            if key not in others
        }

    def of(self, model: str, arm: str) -> TrainingConfig:
        """How an arm of a model, by its name in the definition, is trained."""
        said = {name: getattr(self, name) for name in self.model_fields_set - {"for_"}}
        for entry in self.for_:
            if not entry.counts_for(model, arm):
                continue
            for name in entry.changes:
                if name == "method":  # one for all: `experiments.checking.training` refuses it
                    continue
                value = getattr(entry, name)
                if name in PARTS:
                    inner = {key: getattr(value, key) for key in value.model_fields_set}
                    value = getattr(self, name) if name not in said else said[name]
                    value = value.model_copy(update=inner)
                for pair in PAIRS:
                    if name in pair:
                        said.pop(pair[1 - pair.index(name)], None)
                said[name] = value
        others = {"lora", "poly"} - {self.method}
        return TrainingConfig(**{key: value for key, value in said.items() if key not in others})


def matches(patterns: Iterable[str], name: str) -> bool:
    """Whether one of the names, or patterns with `*`, is this one; none are all."""
    every = tuple(patterns)
    return not every or any(name == one or fnmatchcase(name, one) for one in every)


def _dumped(value: Any) -> Any:
    return value.model_dump(mode="json", exclude_unset=True) if isinstance(value, Model) else value
