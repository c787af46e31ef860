"""Notes what the thread of the screens asks of disk and database; all else works as ever.

Promises: what is asked is answered as without it; of files those of the home count: a module may
be loaded when it is first used.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from pathlib import Path
from typing import Any

import duckdb
import pytest

BY_PATH = ("open", "stat", "lstat", "scandir", "listdir", "mkdir", "access", "unlink", "replace")
ASKED = ("execute", "executemany", "sql", "query", "cursor", "fetchall", "fetchone", "commit")
FRAMES = 6


class HeldDisk:
    """What this thread asked.

    Attributes:
        asked: Each with the code that asked.
        during: What goes on now, such as a key; stands beside each.
    """

    def __init__(self, patch: pytest.MonkeyPatch, home: Path) -> None:
        self.asked: list[str] = []
        self.during = ""
        self._home = str(home)
        self._thread = threading.get_ident()
        for name in BY_PATH:
            self._hear(patch, os, name)
        for place in (io, sys.modules["builtins"]):
            self._hear(patch, place, "open")
        self._hear(patch, duckdb, "connect", by_path=False)
        for name in ASKED:
            self._hear(patch, duckdb.DuckDBPyConnection, name, by_path=False)

    def _hear(
        self, patch: pytest.MonkeyPatch, place: Any, name: str, *, by_path: bool = True
    ) -> None:
        own = getattr(place, name)

        def heard(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() == self._thread and self.during:
                path = str(args[0]) if by_path and args else self._home
                if path.startswith(self._home):
                    self.asked.append(f"{self.during}: {name} {path} by {_callers()}")
            return own(*args, **kwargs)

        patch.setattr(place, name, heard)


def _callers() -> str:
    """Who asked: the functions, the nearest first."""
    frame, names = sys._getframe(2), []
    while frame is not None and len(names) < FRAMES:
        names.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        frame = frame.f_back
    return " < ".join(names)
