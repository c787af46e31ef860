"""The content of one message: a text, or the parts of which OpenAI's and others' formats make it.

Promises: parts that are text are joined as they stand; any other part is refused by its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.suggest import meant_by


def what_is(value: Any) -> str:
    """What a value of a row is, in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    kinds = ((str, "a text"), (int | float, "a number"), (list, "a list"), (dict, "an object"))
    kind = next((words for kind, words in kinds if isinstance(value, kind)), "something else")
    return f"an empty {kind[2:].lstrip()}" if value in ([], {}) else kind


def joined_text(turn: Mapping[str, Any], place: str, key: str = "content") -> str:
    """The text of a turn; empty where an assistant only calls tools.

    Args:
        turn: The turn.
        place: What a message calls it.
        key: What the file calls its content.

    Raises:
        ValueError: it has none, or a part that is no text.
    """
    content = turn.get("content")
    if isinstance(content, str):
        return content
    if content is None and turn.get("tool_calls"):
        return ""
    if "content" not in turn:
        raise ValueError(f"{place} has no {key!r}.{meant_by(key, turn)}")
    if not isinstance(content, list):
        raise ValueError(f"{place}.{key} is {what_is(content)}, not a text.")
    return "".join(_text(part, f"{place}.{key}[{index}]") for index, part in enumerate(content))


def _text(part: Any, place: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise ValueError(f"{place} is {what_is(part)}, not a part with type and text.")
    kind = part.get("type")
    text = part.get("text", part.get("value"))
    if kind is None:
        raise ValueError(f"{place} has no 'type'; a text's is \"text\".")
    if kind not in ("text", "input_text", "output_text") or not isinstance(text, str):
        raise ValueError(f"{place} is of type {kind!r}; only text can be trained.")
    return text
