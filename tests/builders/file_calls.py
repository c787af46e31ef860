"""Counts the calls that ask a file system for a file by its path, without replacing anything.

Promises: each such call of this thread counts, also by a path where nothing is: on a disk over the
network each is a trip.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

BY_PATH = {
    ("posix", "stat"),
    ("posix", "lstat"),
    ("posix", "open"),
    ("posix", "scandir"),
    ("posix", "listdir"),
    ("posix", "statvfs"),
    ("posix", "access"),
    ("io", "open"),
    ("_io", "open"),
}


@contextmanager
def file_calls() -> Iterator[Counter[str]]:
    """The calls inside, by name."""
    counted: Counter[str] = Counter()

    def hear(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and (called.__module__, called.__name__) in BY_PATH:
            counted[called.__name__] += 1

    sys.setprofile(hear)
    try:
        yield counted
    finally:
        sys.setprofile(None)
