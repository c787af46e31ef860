"""Whether the data that results are made of are still what they were.

Promises: asking opens no file, and the database least of all; this loads nothing that computes.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from wgen_tui.paths import Home

MADE_OF = ("samples", "grades", "readouts", "held_out")  # folders of a run
Stamp = tuple[tuple[str, int, int], ...]


def stamp(home: Home, experiment: str) -> Stamp:
    """What stat says of the files with the data: as long as it is the same, so are the results.

    Cheap enough to ask every few seconds.
    """
    seen: list[tuple[str, int, int]] = []
    for run in _named(home.runs, f"{experiment}-"):  # another experiment's, at the worst, beside it
        for folder in (Path(run.path, name) for name in MADE_OF):
            with suppress(FileNotFoundError):
                # Moments alone are not enough: two parts can come within a tick of the clock.
                count = sum(1 for _ in folder.iterdir())
                seen.append((str(folder), folder.stat().st_mtime_ns, count))
    for journal in _named(home.journal, "grades-"):
        status = journal.stat()
        seen.append((journal.path, status.st_mtime_ns, status.st_size))
    return tuple(seen)


def _named(folder: Path, start: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            some = [entry for entry in entries if entry.name.startswith(start)]
    except FileNotFoundError:
        return []
    return sorted(some, key=lambda entry: entry.name)
