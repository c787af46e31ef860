"""How part files are named, and how they are gone through while others write and compact them.

Promises: a number is never given twice, so that a name means the same rows for ever: part 7 of a
launch, or, as `00003to00041`, all of its parts from 3 to 41 in one file. Who goes through a folder
meets every row of it, though small parts be made one meanwhile; some perhaps twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(r"part-(.+)-(\d{5,9})(?:to(\d{5,9}))?(\.parquet|\.jsonl)")


@dataclass(frozen=True, slots=True)
class PartName:
    """What a part's name says.

    Attributes:
        name: The name itself.
        launch_id: Who wrote it.
        first: The number of the first part that it stands for.
        last: That of the last; the same for a part as it was written.
        suffix: How it ends.
    """

    name: str
    launch_id: str
    first: int
    last: int
    suffix: str

    def covers(self, other: PartName) -> bool:
        """Whether this stands for all that the other stands for."""
        return self.first <= other.first and other.last <= self.last


def part_name(name: str) -> PartName | None:
    """What a name says; None for what no worker called so (a merge marks the parts it brings)."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    launch_id, first, last, suffix = match.groups()
    return PartName(name, launch_id, int(first), int(last or first), suffix)


def next_name(folder: Path, launch_id: str, suffix: str) -> str:
    """The name of the next part of a launch."""
    named = (part_name(path.name) for path in folder.glob(f"part-{launch_id}-*{suffix}"))
    taken = (part.last for part in named if part is not None and part.launch_id == launch_id)
    return f"part-{launch_id}-{max(taken, default=-1) + 1:05d}{suffix}"


def name_of_whole(first: PartName, last: PartName) -> str:
    """The name of the part that stands for all from one to another."""
    return f"part-{first.launch_id}-{first.first:05d}to{last.last:05d}{first.suffix}"


def each_part(folder: Path, pattern: str) -> Iterator[Path]:
    """The parts of a folder, sorted; where one is gone when it was read, those that came, too."""
    given: set[str] = set()
    again = True
    while again:
        again = False
        for path in sorted(folder.glob(pattern)):
            if path.name not in given:
                given.add(path.name)
                yield path
                again = again or not path.exists()


def bytes_of_parts(folder: Path) -> int:
    """How much the parts of a folder take on disk."""
    size = 0
    for path in folder.glob("part-*"):
        with suppress(FileNotFoundError):  # made one with others in this instant
            size += path.stat().st_size
    return size
