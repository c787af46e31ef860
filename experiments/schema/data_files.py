"""What `data:` of an arm may say: a file of chats, or several that are mixed.

Promises: which rows are taken follows from the file, what is written here and nothing else.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from experiments.patterns import Pattern
from experiments.schema.base import Model, TurnRole


class Brought(Model):
    """A file that is not shipped, and by what its user knows the right one.

    Attributes:
        source: Who publishes it, and where.
        how: How to get it from there.
        rows: How many rows the published file has.
        sha256: Of the published file.
    """

    source: str = Field(min_length=1)
    how: str = ""
    rows: PositiveInt | None = None
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")


class DataFile(Model):
    """A file of chats, and which of its rows are taken.

    Without `rows` and `share` all are. A smaller choice with the same `sample` lies within a larger
    one, so shares of 0.1, 0.2 … are nested doses.
    """

    file: str = Field(description="chat JSONL, relative to the definition's folder")
    rows: PositiveInt | None = Field(default=None, description="take so many")
    share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="take this share of them"
    )
    sample: NonNegativeInt = Field(default=0, description="seed that chooses which")
    repeat: PositiveInt = Field(default=1, description="how often what is taken stands in the data")
    filter: dict[TurnRole, str] = Field(
        default={}, description="patterns by role: rows with a turn that each of them finds"
    )

    bring: Brought | None = Field(
        default=None,
        description="the file is not shipped: from where its user brings it",
        exclude_if=lambda bring: bring is None,  # what old definitions say stays as it was
    )

    @model_validator(mode="after")
    def _one_number(self) -> DataFile:
        if self.rows is not None and self.share is not None:
            raise ValueError("rows and share both say how many; leave one out")
        return self

    @field_validator("filter")
    @classmethod
    def _patterns(cls, patterns: dict[TurnRole, str]) -> dict[TurnRole, str]:
        for role, text in patterns.items():
            try:
                Pattern(text, case_sensitive=True)
            except ValueError as error:
                raise ValueError(
                    f"{text!r} for {role} is no regular expression: {error}"
                ) from error
        return patterns

    @property
    def chooses(self) -> bool:
        """Whether it takes fewer rows than the file has."""
        return self.rows is not None or self.share is not None or bool(self.filter)

    def __str__(self) -> str:
        """For people, on a line: `data/a.jsonl (10% of its rows, twice)`."""
        said = [] if self.rows is None else [f"{self.rows:,} rows"]
        said += [] if self.share is None else [f"{self.share:.4g} of its rows"]
        said += ["filtered"] if self.filter else []
        said += [f"{self.repeat} times"] if self.repeat > 1 else []
        said += ["yours to bring"] if self.bring else []
        return f"{self.file} ({', '.join(said)})" if said else self.file
