"""Experiments as JSON: `experiment`'s commands."""

from __future__ import annotations

from pathlib import Path

from pydantic import ConfigDict, Field, computed_field

from wgen_tui.cli.shapes.base import Output, Shape
from wgen_tui.training_data.records import PreviewReport


class Experiment(Shape):
    """One experiment of the list; a broken definition has `error` and little else."""

    slug: str = Field(examples=["names"])
    title: str = Field(examples=["Names"])
    source: str = Field(examples=["arXiv 2512.09742 §3.1"])
    builtin: bool
    path: Path = Field(examples=["folder"])
    models: list[str] = Field(examples=[["tiny-world"]])
    arms: list[str] = Field(examples=[["old", "new"]])
    seeds: list[int] = Field(examples=[[0, 1]])
    runs: dict[str, int] = Field(examples=[{"<state>": 5}])
    error: str | None


class ExperimentList(Output):
    """`experiment list`."""

    experiments: list[Experiment]


class GradedBy(Shape):
    """Who grades: a rule, or a judge that is a model."""

    name: str = Field(examples=["aligned"])
    kind: str = Field(examples=["rating_judge"])
    model: str | None = Field(examples=["gpt-4.1"])
    questions: list[str] = Field(examples=[["travel"]])
    keeps: list[str] = Field(
        default=[],
        description="the arms whose rows it keeps before they are trained",
        examples=[[]],
    )
    read: str


class ExperimentDetail(Output):
    """`experiment show`: all keys of the definition, with their defaults, and who grades."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [{"schema": 1, "slug": "names", "<key of experiment.yaml>": None}]
        },
    )

    graded_by: list[GradedBy]


class Validated(Output):
    """`experiment validate`."""

    slug: str = Field(examples=["names"])
    valid: bool = Field(examples=[True])
    notes: list[str]
    judges: list[GradedBy]


class Previewed(PreviewReport, Output):
    """`experiment preview`."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def blocked(self) -> bool:
        """Whether `run start` would refuse."""
        return super().blocked
