"""What every shape is, and how an example is made of one.

Promises: a shape can be filled from any object that has its attributes; an example has every key
that the command prints and says in each what may stand there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC).isoformat()
PLAIN = {"string": "text", "integer": 1, "number": 0.5, "boolean": False, "null": None}


class Shape(BaseModel):
    """A part of what a command prints; dumped by alias."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Output(Shape):
    """All that one command prints with `--json`."""

    schema_version: Literal[1] = Field(default=1, serialization_alias="schema")


class _InOrder(GenerateJsonSchema):
    """A JSON Schema whose examples keep the order of their keys."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        return value


def example(model: type[BaseModel]) -> dict[str, Any]:
    """What a model looks like as JSON.

    A list has one item that stands for all, and a key in angle brackets stands for any.
    """
    schema = model.model_json_schema(mode="serialization", schema_generator=_InOrder)
    shown: dict[str, Any] = _example(schema, schema.get("$defs", {}))
    return shown


def _example(part: dict[str, Any], models: dict[str, Any]) -> Any:
    """An example of one part of a JSON Schema: its own, else what its type says."""
    if "examples" in part:
        return part["examples"][0]
    if "$ref" in part:
        return _example(models[part["$ref"].rpartition("/")[2]], models)
    if "anyOf" in part:  # X | None
        return _example(part["anyOf"][0], models)
    if "enum" in part:
        return " | ".join(part["enum"])
    if "const" in part:
        return part["const"]
    if "properties" in part:
        return {name: _example(item, models) for name, item in part["properties"].items()}
    if part.get("type") == "array":
        return [_example(part["items"], models)]
    if part.get("format") == "date-time":
        return WHEN
    return PLAIN[part["type"]]
