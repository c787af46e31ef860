"""What every part of a definition is made of: the strict model, the names, the turns of a chat.

Promises: a model is immutable, refuses unknown keys, and can be written as JSON, so that a resolved
copy can be stored with every run.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z")  # `$` would let a line break pass


class Model(BaseModel):
    """Base: immutable, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False
    )


class Message(Model):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


TurnRole = Literal["system", "user", "assistant", "developer", "tool", "function"]


class Turn(Message):
    """One turn of a training chat, with what templates may make of it beside role and content.

    Attributes:
        name: Of the speaker, or of the tool that answers.
        tool_calls: What the assistant calls, as OpenAI writes it; its content may be empty then.
        tool_call_id: Which call a tool answers.
        reasoning_content: What the assistant thinks before it answers; `thinking` is the same
            under another name, for templates that read that.
        weight: 0: the assistant says it, and it is not trained (OpenAI's); absent: it is.
        loss_weight: What the loss of each of its tokens is multiplied by; absent: 1.
        tools: On the first turn of a chat: the tools that the chat offers.
    """

    role: TurnRole  # type: ignore[assignment]  # questions take fewer roles than datasets
    name: str | None = None
    tool_calls: tuple[dict[str, Any], ...] | None = None
    tool_call_id: str | None = None
    reasoning_content: str | None = None
    thinking: str | None = None
    weight: Literal[0] | None = None
    loss_weight: float | None = None
    tools: tuple[dict[str, Any], ...] | None = None

    @model_serializer(mode="wrap")
    def _what_is_there(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is absent, so that plain chats are written as they always were."""
        return {key: value for key, value in handler(self).items() if value is not None}

    @property
    def trained(self) -> bool:
        """Whether the loss counts this turn."""
        return self.role == "assistant" and self.weight is None
