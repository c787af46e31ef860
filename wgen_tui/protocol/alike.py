"""What many records say alike is held once.

Promises: of a field that is read of JSON, equal values are one object, and read once; the runs of
an experiment differ in little, and each would hold 14 KB of its own.
"""

from __future__ import annotations

import json
from threading import Lock
from typing import Any

from pydantic import ValidationInfo, ValidatorFunctionWrapHandler

MOST = 1024  # values that are kept; all are forgotten when there are more

_lock = Lock()
_known: dict[tuple[str | None, str], Any] = {}


def once(value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """A field's value, that of an earlier record where it is the same; a wrap validator."""
    if info.mode != "json" or not isinstance(value, dict | str):
        return read(value)
    key = info.field_name, json.dumps(value)
    if (known := _known.get(key)) is None:
        known = read(value)
        with _lock:
            if len(_known) >= MOST:
                _known.clear()
            known = _known.setdefault(key, known)
    return known
