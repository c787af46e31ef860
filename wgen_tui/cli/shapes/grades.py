"""Grades as JSON: `grade agreement`, `grade plan`."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from wgen_tui.cli.shapes.base import Output, Shape
from wgen_tui.cli.shapes.samples import Text64


def _number_or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


Number = Annotated[float | None, BeforeValidator(_number_or_none)]  # JSON has no NaN


class GraderPair(Shape):
    """How two graders agree; kappa is null where chance alone would give full agreement.

    A person beside themselves is one that was shown samples twice: first and second verdict.
    """

    grader: str = Field(examples=["human:<name>"])
    other: str = Field(examples=["human:<name> | rule:<judge>"])
    n: int = Field(examples=[60])
    agreement: Number = Field(examples=[0.93])
    low: float = Field(examples=[0.84])
    high: float = Field(examples=[0.97])
    kappa: Number = Field(examples=[0.86])
    kappa_low: Number = Field(examples=[0.73])
    kappa_high: Number = Field(examples=[0.99])
    labels: list[str] = Field(examples=[["label"]])
    confusion: list[list[int]] = Field(examples=[[[30]]])


class Agreements(Output):
    """`grade agreement`."""

    pairs: list[GraderPair]


class GradingPlanned(Output):
    """`grade plan`: what a person grades; null as creation where it is not written down."""

    experiment: str = Field(examples=["names"])
    rubric: str = Field(examples=["era"])
    grader: str = Field(examples=["human:<name>"])
    kept: bool = Field(examples=[True])
    created_at: datetime | None
    draw: str = Field(examples=["balanced | random"])
    seed: int = Field(examples=[0])
    available: int = Field(examples=[4800])
    samples: int = Field(examples=[120])
    repeats: int = Field(examples=[12])
    graded: int = Field(examples=[30])
    left: int = Field(examples=[102])
    showings: list[Text64] = Field(examples=[["11582588814330217"]])
