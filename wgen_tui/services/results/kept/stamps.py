"""Whether the data that results are made of are still what they were.

Promises: asking opens no file, and the database least of all; this loads nothing that computes. A
folder is listed again only where stat says that it changed: over a network each listing is trips.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from wgen_tui.paths import Home

MADE_OF = ("samples", "grades", "readouts", "held_out")  # folders of a run
Stamp = tuple[tuple[str, int, int], ...]
SETTLED_NS = 2_000_000_000  # younger than that, a folder may change once more within its moment
_counted: dict[str, tuple[int, int]] = {}  # folder -> when it changed last, and files in it then


def stamp(home: Home, experiment: str) -> Stamp:
    """What stat says of the files with the data: as long as it is the same, so are the results.

    Cheap enough to ask every few seconds.
    """
    seen: list[tuple[str, int, int]] = []
    for run in _named(home.runs, f"{experiment}-"):  # another experiment's, at the worst, beside it
        for folder in (Path(run.path, name) for name in MADE_OF):
            with suppress(FileNotFoundError):
                seen.append((str(folder), *_count(folder)))
    for journal in _named(home.journal, "grades-"):
        status = journal.stat()
        seen.append((journal.path, status.st_mtime_ns, status.st_size))
    return tuple(seen)


def _count(folder: Path) -> tuple[int, int]:
    """When a folder changed last, and how many files it has.

    Moments alone are not enough: two parts can come within a tick of the clock.
    """
    began = time.time_ns()
    changed = folder.stat().st_mtime_ns
    known = _counted.get(str(folder))
    if known is not None and known[0] == changed:
        return known
    counted = changed, sum(1 for _ in folder.iterdir())
    if began - changed > SETTLED_NS:
        _counted[str(folder)] = counted
    return counted


def _named(folder: Path, start: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            some = [entry for entry in entries if entry.name.startswith(start)]
    except FileNotFoundError:
        return []
    return sorted(some, key=lambda entry: entry.name)
