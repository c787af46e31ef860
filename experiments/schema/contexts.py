"""What surrounds a text: the context of an arm's rows in training, or of a question when asked.

Promises: a context changes the messages of a chat and nothing else; which rows have it follows from
their number, the seed that is written here and nothing else.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    NonNegativeInt,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from experiments.schema.base import Message, Model, Turn
from experiments.suggest import did_you_mean, nearest

AnyMessage = TypeVar("AnyMessage", bound=Message)

# Where a context's text stands (arXiv 2604.10022's words) -> what parts it from the user's text.
MODES = {"prepend": " ", "newline": "\n", "system": ""}
PREPEND, SYSTEM = "prepend", "system"


def placed(text: str, mode: str) -> dict[str, str]:
    """The keys that say a text in a mode: `system`, or the `prefix` of the user's text."""
    return {"system": text} if mode == SYSTEM else {"prefix": f"{text}{MODES[mode]}"}


class Context(Model):
    """What surrounds a text: a training-time context of an arm, or a prompt variant.

    `prefix` is put directly before the user's text (write the separating space or newline),
    `system` becomes a system message, `wrap` is a template with `{question}`. In YAML also `text`
    with a `mode`, which become one of these: `prepend` (where none is given), `newline`, `system`.
    """

    other_keys: ClassVar[tuple[str, ...]] = ("text", "mode")  # which become system or prefix

    system: str | None = None
    prefix: str = ""
    wrap: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _placed(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not {"text", "mode"} & {*value}:
            return value
        rest = {key: inner for key, inner in value.items() if key not in ("text", "mode")}
        text, mode = value.get("text"), value.get("mode", PREPEND)
        if not isinstance(text, str) or not text.strip():
            raise ValueError("a context needs its text; mode says where that stands")
        if mode not in MODES:
            raise ValueError(f"unknown mode {mode!r}: {did_you_mean(str(mode), [*MODES])}")
        if beside := sorted({"prefix", "system"} & {*rest}):
            raise ValueError(f"text and {beside[0]} both say what is added; leave one out")
        return {**rest, **placed(text, mode)}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        inner = handler.resolve_ref_schema(handler(core))
        inner["properties"] |= {"text": {"type": "string"}, "mode": {"enum": [*MODES]}}
        return inner

    @field_validator("wrap")
    @classmethod
    def _wrap_has_slot(cls, value: str | None) -> str | None:
        if value is not None and "{question}" not in value:
            words = re.findall(r"\{(\w+)\}", value)
            near = next((word for word in words if nearest(word, ["question"], 0.7)), None)
            meant = "" if near is None else f"; did you mean it by {{{near}}}?"
            raise ValueError(f"wrap needs {{question}} where the question goes{meant}")
        return value

    def apply(self, messages: tuple[AnyMessage, ...]) -> tuple[AnyMessage, ...]:
        """Return `messages` in this context; prefix and wrap act on the last user turn."""
        turns = list(messages)
        for index in range(len(turns) - 1, -1, -1):
            if turns[index].role == "user":
                text = turns[index].content
                if self.wrap is not None:
                    text = self.wrap.replace("{question}", text)
                turns[index] = turns[index].model_copy(update={"content": self.prefix + text})
                break
        if self.system is not None:
            said = [turn for turn in turns if turn.role != "system"]
            turns = [_system(messages[0], self.system), *said]
        return tuple(turns)

    def __str__(self) -> str:
        """For people, on a line; empty where nothing is added."""
        said = [] if self.system is None else [f"system {self.system!r}"]
        said += [f"{self.prefix!r} before the question"] if self.prefix else []
        said += [] if self.wrap is None else [f"wrapped in {self.wrap!r}"]
        return ", ".join(said)


class TrainingContext(Context):
    """The context of an arm's rows: of all, or of a share that a seed chooses.

    A smaller share with the same `sample` lies within a larger one.
    """

    share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None,
        description="this share of the rows has it; all when absent",
        exclude_if=lambda share: share is None,  # what old definitions say stays as it was
    )
    sample: NonNegativeInt = Field(
        default=0,
        description="seed that chooses which",
        exclude_if=lambda sample: sample == 0,
    )

    @model_validator(mode="after")
    def _shared(self) -> TrainingContext:
        if self.share is not None and not (self.system or self.prefix or self.wrap):
            raise ValueError("a share of the rows has no context: there is no text")
        return self

    def __str__(self) -> str:
        """For people, on a line; empty where nothing is added."""
        some = "" if self.share is None else f", {self.share:.4g} of the rows"
        return super().__str__() + some


def _system(first: AnyMessage, text: str) -> AnyMessage:
    """A system turn to stand before `first`; what the chat offers as tools stands with it."""
    turn = type(first)(role="system", content=text)
    if isinstance(first, Turn) and first.tools:
        return turn.model_copy(update={"tools": first.tools})
    return turn
