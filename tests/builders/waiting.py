"""Wait for what another process does: poll a condition, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
LIMIT = 300  # seconds; no measure of anything, only so that a test that hangs says for what


def until(condition: Callable[[], T], what: str | Callable[[], object] = "") -> T:
    """Wait until something is so, and return what it is; fail when it never comes.

    Args:
        condition: Asked again and again.
        what: What is said when it does not come.
    """
    end = time.monotonic() + LIMIT
    while not (value := condition()):
        if time.monotonic() >= end:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {LIMIT} s: {said}")
        time.sleep(0.05)
    return value
