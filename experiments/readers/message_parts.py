"""The content of one message: a text, or the parts of which OpenAI's and others' formats make it.

Promises: parts that are text are joined as they stand; any other part is refused by its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def joined_text(turn: Mapping[str, Any], place: str) -> str:
    """The text of a turn; empty where an assistant only calls tools.

    Raises:
        ValueError: it has none, or a part that is no text.
    """
    content = turn.get("content")
    if isinstance(content, str):
        return content
    if content is None and turn.get("tool_calls"):
        return ""
    if not isinstance(content, list):
        raise ValueError(f"{place}.content is not a text.")
    return "".join(_text(part, f"{place}.content[{index}]") for index, part in enumerate(content))


def _text(part: Any, place: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise ValueError(f"{place} is not a part with type and text.")
    kind = part.get("type")
    text = part.get("text", part.get("value"))
    if kind not in ("text", "input_text", "output_text") or not isinstance(text, str):
        raise ValueError(f"{place} is of type {kind!r}; only text can be trained.")
    return text
