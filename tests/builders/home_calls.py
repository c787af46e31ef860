"""Counts the calls that ask the file system for a path in a home, of every thread.

Promises: each call does what it always does, and counts also where nothing is: on a disk over the
network each is a trip. What DuckDB asks by itself (its one file) does not count.
"""

from __future__ import annotations

import builtins
import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("stat", "lstat", "open", "scandir", "listdir", "access", "mkdir", "replace", "unlink")


@contextmanager
def home_calls(home: Path) -> Iterator[Counter[str]]:
    """The calls inside, by name and the folder of the home; clear it to count anew."""
    counted: Counter[str] = Counter()
    root = str(home)

    def counting(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def ask(path: Any = ".", *args: Any, **more: Any) -> Any:
            if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(root):
                below = os.path.relpath(os.fspath(path), root).split("/")
                counted[f"{name} {below[0]}/{'/'.join(below[2:])}"] += 1
            return call(path, *args, **more)

        return ask

    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            patch.setattr(os, name, counting(name, getattr(os, name)))
        opening = counting("open", io.open)
        patch.setattr(io, "open", opening)
        patch.setattr(builtins, "open", opening)
        yield counted
