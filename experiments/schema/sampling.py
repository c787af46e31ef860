"""What `sampling:` in a definition may say: how completions are drawn, and in which contexts.

Promises: names are llmcomp's and vLLM's wherever they have one.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    GetJsonSchemaHandler,
    NonNegativeFloat,
    PositiveInt,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from experiments.schema.base import Model
from experiments.schema.contexts import Context
from experiments.schema.formats import FORMATS
from experiments.suggest import did_you_mean

LEAST_TEMPERATURE = 1e-3  # below it the probabilities of fp32 are 0, 1 and NaN


def _drawable(temperature: float) -> float:
    if 0 < temperature < LEAST_TEMPERATURE:
        raise ValueError(f"{temperature:g} is as good as 0; write 0, which is greedy")
    return temperature


Temperature = Annotated[NonNegativeFloat, AfterValidator(_drawable)]


def _unsaid(value: object) -> bool:
    return value is None  # what old definitions say stays as it was


def _not_empty(stop: str) -> str:
    if not stop:
        raise ValueError("an empty text is in every answer, so nothing would be drawn")
    return stop


DRAWING = ("temperature", "top_p", "max_tokens", "n")  # what a variant may say of the answers


class Variant(Context):
    """A prompt context at sampling time. `values` spreads it: one variant for each value.

    `{value}` in system, prefix or wrap is replaced; the variants are named `<name>-<value>`, or
    `<name>-<label>` where `values` maps labels to values. In YAML also `format`, a template of ours
    that becomes `wrap`: `plain`, `json`, `template` or `code`. How answers are drawn in it may be
    said too: it goes over what a question says.
    """

    other_keys: ClassVar[tuple[str, ...]] = (*Context.other_keys, "format")

    values: tuple[str | int | float, ...] | dict[str, str | int | float] | None = None
    alpha: float | tuple[float, ...] | None = Field(
        default=None,
        description="what the adapter counts: 0 is the base, 1 the adapter as trained, above 1 "
        "more of it; several make a variant for each",
        exclude_if=lambda alpha: alpha is None,  # what old definitions say stays as it was
    )

    temperature: Temperature | None = Field(
        default=None, description="of the answers in it", exclude_if=_unsaid
    )
    top_p: Annotated[float, Field(gt=0, le=1)] | None = Field(default=None, exclude_if=_unsaid)
    max_tokens: PositiveInt | None = Field(default=None, exclude_if=_unsaid)
    n: PositiveInt | None = Field(
        default=None, description="samples of each prompt in it", exclude_if=_unsaid
    )

    @model_validator(mode="after")
    def _spread_once(self) -> Variant:
        if isinstance(self.alpha, tuple):
            if not self.alpha:
                raise ValueError("alpha: [0, 0.5, 1] needs a number")
            if self.values is not None:
                raise ValueError("a variant has values or several alphas, not both")
        return self

    @model_validator(mode="before")
    @classmethod
    def _formatted(cls, value: Any) -> Any:
        if not isinstance(value, dict) or "format" not in value:
            return value
        rest = {key: inner for key, inner in value.items() if key != "format"}
        given = value["format"]
        if given not in FORMATS:
            raise ValueError(f"unknown format {given!r}: {did_you_mean(str(given), [*FORMATS])}")
        if "wrap" in rest:
            raise ValueError("format and wrap are both a template; leave one out")
        wrap = FORMATS[given]
        return rest if wrap is None else {**rest, "wrap": wrap}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        inner = super().__get_pydantic_json_schema__(core, handler)
        inner["properties"]["format"] = {"enum": [*FORMATS]}
        return inner

    @property
    def labelled(self) -> dict[str, str | int | float]:
        """The values, or alphas, by label; one that has none is its own."""
        if isinstance(self.alpha, tuple):
            return {f"{alpha:g}": f"{alpha:g}" for alpha in self.alpha}
        if isinstance(self.values, dict):
            return self.values
        return {str(value): value for value in self.values or ()}

    @property
    def spread(self) -> int | None:
        """How many values it is spread over; None where it is one."""
        values = self.alpha if isinstance(self.alpha, tuple) else self.values
        return None if values is None else len(values)

    @property
    def drawing(self) -> dict[str, Any]:
        """What it says of how answers are drawn, by key."""
        said = {key: getattr(self, key) for key in DRAWING}
        return {key: value for key, value in said.items() if value is not None}

    @property
    def alphas(self) -> dict[str, float]:
        """What the adapter counts, by label; of one that is not spread the label is empty."""
        if isinstance(self.alpha, tuple):
            return {f"{alpha:g}": alpha for alpha in self.alpha}
        if self.alpha is None:
            return {}
        return dict.fromkeys(self.labelled or ("",), self.alpha)


class DuringTraining(Model):
    """What is drawn from every checkpoint while a run trains, for a curve over its steps."""

    questions: tuple[str, ...] | None = Field(
        default=None, description="names of questions, `*` for any text; all when absent"
    )
    n: PositiveInt = Field(default=10, description="samples of each prompt at each checkpoint")


class SamplingConfig(Model):
    """How completions are drawn."""

    n: PositiveInt = Field(
        default=100, validation_alias=AliasChoices("n", "samples_per_paraphrase")
    )
    temperature: Temperature = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: PositiveInt = 1024
    stop: tuple[Annotated[str, AfterValidator(_not_empty)], ...] = ()
    logprobs: bool = Field(
        default=False, description="store the id and log-probability of every drawn token"
    )
    checkpoints: Literal["final", "all"] = "final"
    variants: dict[str, Variant | None] = Field(default={})
    during_training: DuringTraining | None = None
