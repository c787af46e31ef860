"""Wait for what another process does: poll a condition, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(
    condition: Callable[[], T], seconds: float = 60, what: str | Callable[[], object] = ""
) -> T:
    """Wait until something is so, and return what it is; fail when the time is over.

    Args:
        condition: Asked again and again.
        seconds: How long at most.
        what: What is said then, besides the time.
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() >= end:
            said = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds:g} s: {said}")
        time.sleep(0.05)
    return found
