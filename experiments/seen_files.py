"""Which files something was read from, and whether they are still what they were.

Promises: asking reads nothing; it costs one stat for each file. A file that was not there counts
too: when it comes, something has changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

Stamp = tuple[int, int, int]  # bytes, time of the last change in ns, inode


def stamp(path: Path) -> Stamp | None:
    """What stat says of a file's content; None when there is no such file."""
    try:
        now = path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None
    return now.st_size, now.st_mtime_ns, now.st_ino


@dataclass(slots=True)
class SeenFiles:
    """Files with what stat said of each before it was read."""

    _stamps: dict[Path, Stamp | None] = field(default_factory=dict)

    def note(self, path: Path) -> None:
        """Remember a file; call this before reading it, so that no change is missed."""
        self._stamps.setdefault(path, stamp(path))

    @property
    def noted(self) -> tuple[tuple[str, Stamp | None], ...]:
        """The files, each with what stat said of it then."""
        return tuple((str(path), before) for path, before in self._stamps.items())

    def unchanged(self) -> bool:
        """Whether every file is what it was when it was noted."""
        return all(stamp(path) == before for path, before in self._stamps.items())
