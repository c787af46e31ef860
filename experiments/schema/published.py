"""What `published:` in a definition may say: figures that stand beside ours in `results`.

Promises: a published figure is shown and never counted: no rate, interval or warning follows from
it, and it is no part of a definition's hash.
"""

from __future__ import annotations

from pydantic import Field, FiniteFloat, PositiveInt, model_validator

from experiments.schema.base import Model


class PublishedFigure(Model):
    """A number that somebody has found for an arm of this design."""

    figure: FiniteFloat = Field(description="a share from 0 to 1, or a mean")
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    n: PositiveInt | None = Field(default=None, description="answers, where the source says it")
    arm: str = Field(description="an arm of the definition, or base")
    measure: str | None = Field(
        default=None, description="a measure of the plan; the headline when absent"
    )
    question: str | None = None
    variant: str | None = Field(default=None, description="of one of a variant's values: its name")
    model: str = Field(default="", description="of which model")
    source: str = Field(min_length=1, description="where it stands: arXiv number, repository, …")
    section: str | None = None
    note: str = Field(default="", description="how it was read, by which judge")

    @model_validator(mode="after")
    def _interval(self) -> PublishedFigure:
        if (self.low is None) != (self.high is None):
            raise ValueError("low and high are given together")
        low, high = self.low, self.high
        if low is not None and high is not None and not low <= self.figure <= high:
            raise ValueError(f"{self.figure:g} does not lie from {low:g} to {high:g}")
        if self.question is not None and self.variant is not None:
            raise ValueError("results has rates by question and by variant, not by both")
        return self

    @property
    def place(self) -> str:
        """Source and section, on a line."""
        return f"{self.source} §{self.section}" if self.section else self.source
