"""What `sampling:` in a definition may say: how completions are drawn, and in which contexts.

Promises: names are llmcomp's and vLLM's wherever they have one.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, Field, NonNegativeFloat, PositiveInt

from experiments.schema.arms import Context
from experiments.schema.base import Model

LEAST_TEMPERATURE = 1e-3  # below it the probabilities of fp32 are 0, 1 and NaN


def _drawable(temperature: float) -> float:
    if 0 < temperature < LEAST_TEMPERATURE:
        raise ValueError(f"{temperature:g} is as good as 0; write 0, which is greedy")
    return temperature


def _not_empty(stop: str) -> str:
    if not stop:
        raise ValueError("an empty text is in every answer, so nothing would be drawn")
    return stop


class Variant(Context):
    """A prompt context at sampling time. `values` spreads it: one variant for each value.

    `{value}` in system, prefix or wrap is replaced; the variants are named `<name>-<value>`, or
    `<name>-<label>` where `values` maps labels to values.
    """

    values: tuple[str | int | float, ...] | dict[str, str | int | float] | None = None

    @property
    def labelled(self) -> dict[str, str | int | float]:
        """The values by label; one that has none is its own."""
        if isinstance(self.values, dict):
            return self.values
        return {str(value): value for value in self.values or ()}


class DuringTraining(Model):
    """What is drawn from every checkpoint while a run trains, for a curve over its steps."""

    questions: tuple[str, ...] | None = Field(
        default=None, description="names of questions; all when absent"
    )
    n: PositiveInt = Field(default=10, description="samples of each prompt at each checkpoint")


class SamplingConfig(Model):
    """How completions are drawn."""

    n: PositiveInt = Field(
        default=100, validation_alias=AliasChoices("n", "samples_per_paraphrase")
    )
    temperature: Annotated[NonNegativeFloat, AfterValidator(_drawable)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: PositiveInt = 1024
    stop: tuple[Annotated[str, AfterValidator(_not_empty)], ...] = ()
    logprobs: bool = Field(
        default=False, description="store the id and log-probability of every drawn token"
    )
    checkpoints: Literal["final", "all"] = "final"
    variants: dict[str, Variant | None] = Field(default={})
    during_training: DuringTraining | None = None
