"""JSON as people write it, read strictly: one value, or what is wrong with it in plain words.

Promises: a key that stands twice, NaN and Infinity, half a character (a lone surrogate), nesting
without end and numbers of thousands of digits are named, never read as something else.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

ESCAPED = ("\\ud", "\\uD", "\\u0000")  # how such stand in JSON
NO_TEXT = re.compile("[\x00\ud800-\udfff]")
# What people write for JSON, and the decoder's own words for the rest.
SEEN = {
    "'": "it has single quotes, where JSON takes double ones",
    "None": "it has None, which JSON writes null",
    "True": "it has True, which JSON writes true",
    "False": "it has False, which JSON writes false",
}
WORDS = {
    "property name": "a key in double quotes is expected here",
    "Expecting value": "a value is expected here",
    "',' delimiter": "a comma is missing here",
    "':' delimiter": "a colon is missing here",
    "trailing comma": "a comma has nothing behind it",
    "Unterminated string": "the text that begins here does not end",
    "control character": "a text has a raw tab or line break, or the like; write \\t, \\n, \\u…",
    "escape": "a backslash stands before something that JSON does not know; write \\\\",
}
DEEP = "It is nested too deeply."
LONG = "A number has too many digits."


class NotJson(ValueError):
    """A text that is no JSON value.

    Attributes:
        column: Where, from 1; None when the text as a whole is meant.
    """

    def __init__(self, message: str, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column


def parse_json(text: str) -> Any:
    """The value of a text.

    Raises:
        NotJson: it is no JSON, or says something twice or not at all.
    """
    value, _ = _parsed(text, None)
    return value


def parse_json_at(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at `start` of a text, and where it ends.

    Raises:
        NotJson: as for `parse_json`.
    """
    return _parsed(text, start)


def _parsed(text: str, start: int | None) -> tuple[Any, int]:
    try:
        if start is None:
            value, end = DECODER.decode(text), len(text)
        else:
            value, end = DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        message = f"This is not JSON: {_in_words(error)} (column {error.colno})."
        raise NotJson(message, error.colno) from None
    except RecursionError:
        raise NotJson(DEEP) from None
    except NotJson:
        raise
    except ValueError:  # int() of more digits than Python takes
        raise NotJson(LONG) from None
    if any(text.find(sign, start, end) >= 0 for sign in ESCAPED):
        _refuse_what_is_no_text(value)
    return value, end


def _in_words(error: json.JSONDecodeError) -> str:
    """What the decoder ran into, as somebody would say it who looks at the text."""
    rest = error.doc[error.pos :].lstrip()
    for begins, words in SEEN.items():
        if rest.startswith(begins):
            return words
    if error.msg.startswith("Extra data"):
        if rest.startswith(","):
            return "a comma follows, and lines are not joined by commas"
        second = "a second value follows: is a line break missing?"
        return second if rest[:1] in ("{", "[") else f"{rest[:10]!r} follows the value"
    if not rest and error.msg.startswith("Expecting"):
        return "it ends too early"
    return next((words for known, words in WORDS.items() if known in error.msg), error.msg)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise NotJson(f"The key {key!r} stands twice.")
            seen.add(key)
    return result


def _constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no JSON number.")


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise NotJson(f"{text[:20]} is too large a number.")
    return number


DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_float)


def not_text(value: str) -> str:
    """Why a value is no text that a tokenizer and a database take; empty where it is one."""
    if (odd := NO_TEXT.search(value)) is None:
        return ""
    what = "half a character (a lone surrogate)" if ord(odd[0]) else "no character (NUL)"
    return f"\\u{ord(odd[0]):04x} is {what}."


def _refuse_what_is_no_text(value: Any) -> None:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left += [*item, *item.values()]
        elif isinstance(item, list):
            left += item
        elif isinstance(item, str) and (why := not_text(item)):
            raise NotJson(why)
