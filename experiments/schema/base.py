"""What every part of a definition is made of: the strict model, the names, the turns of a chat.

Promises: a model is immutable, refuses unknown keys, and can be written as JSON, so that a resolved
copy can be stored with every run.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*\Z")  # `$` would let a line break pass


class Model(BaseModel):
    """Base: immutable, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Message(Model):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str
