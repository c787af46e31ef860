"""What `held_out:` of an arm may say: rows of its task that it is not trained on.

Promises: an arm without it is written as it always was.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from experiments.schema.base import Model


class HeldOut(Model):
    """Rows on which each checkpoint is measured: a part of the arm's own, or those of a file.

    Which of its own rows follows from `sample` and what they say, for all seeds alike; a row goes
    with all its copies. They stand in the arm's context, as the rows that are trained. In YAML
    also `held_out: FILE`.
    """

    rows: PositiveInt | None = Field(default=None, description="so many of the arm's own rows")
    share: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="this share of them"
    )
    file: str | None = Field(
        default=None,
        description="chats of the task, as `data`, relative to the definition's folder",
    )
    sample: NonNegativeInt = Field(default=0, description="seed that chooses which of its own")

    @model_validator(mode="before")
    @classmethod
    def _only_a_file(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_source(self) -> HeldOut:
        if sum(item is not None for item in (self.rows, self.share, self.file)) != 1:
            raise ValueError("give one of rows, share and file")
        if self.file is not None and "sample" in self.model_fields_set:
            raise ValueError("sample chooses among the arm's own rows; a file is taken whole")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler.resolve_ref_schema(handler(core))]}

    def __str__(self) -> str:
        """For people, on a line."""
        if self.file is not None:
            return f"held out: {self.file}"
        if self.rows is not None:
            return f"{self.rows:,} of its rows held out"
        return f"{self.share:.4g} of its rows held out"


HELD_OUT = " (held out)"  # which no arm's own name can end with


def held_out_name(arm: str) -> str:
    """The name of the rows that an arm holds out."""
    return f"{arm}{HELD_OUT}"
