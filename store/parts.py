"""The files that the database is made from: which there are, and which are not in it yet.

Promises: no Arrow, which most readers have no use for: usually nothing waits. A process that asks
again lists only the folders that changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from store.layout import StoreFiles

# Every table, in the order in which they fill: one after another, so that a transaction has many
# rows of one. A run comes before its rows: only of a run that is known can they be forgotten.
ORDER = (
    *("run", "prompt", "metric", "sample", "sample_token", "sample_reasoning"),
    *("readout", "held_out_row", "verdict", "grade", "note"),
)

# What the names of the journal's files begin with -> table; others are not in the database.
JOURNAL = {"grades-": "grade", "notes-": "note"}

# Younger than that, a folder or a file may change once more and its time stay the same.
SETTLED_NS = 2_000_000_000

# Folder of a run -> (table, suffix of its parts).
FOLDERS = {
    "samples": ("sample", ".parquet"),
    "tokens": ("sample_token", ".parquet"),
    "reasoning": ("sample_reasoning", ".parquet"),
    "readouts": ("readout", ".parquet"),
    "held_out": ("held_out_row", ".parquet"),
    "prompts": ("prompt", ".parquet"),
    "verdicts": ("verdict", ".parquet"),
    "grades": ("grade", ".jsonl"),
}


@dataclass(frozen=True, slots=True)
class Part:
    """A file to be read.

    Attributes:
        name: Its path below the home, as the manifest has it.
        table: Where its rows go.
        run_id: Whose it is; "" for the journal.
        size: Bytes now.
        grows: Whether lines are appended to it.
    """

    name: str
    table: str
    run_id: str
    size: int
    grows: bool = False


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - thousands of them at each opening
    except FileNotFoundError:  # removed since it was listed
        return None
    except OSError:  # a circle of links: reading it says so
        return 0


class _Folders:
    """What is in folders, listed again only where stat says that it changed.

    A home of many runs has thousands, of which few get a file in an hour.
    """

    def __init__(self, known: Mapping[str, _Listed]) -> None:
        self._known = known
        self.seen: dict[str, _Listed] = {}

    def names(self, folder: str) -> list[str]:
        """What is in a folder, sorted; nothing if there is none."""
        try:
            now = os.stat(folder)  # noqa: PTH116
            mark = (now.st_mtime_ns, now.st_ino, now.st_dev)
            listed = self._known.get(folder)
            if listed is None or listed[0] != mark:
                began = time.time_ns()
                listed = (mark, sorted(os.listdir(folder)))  # noqa: PTH208
                if began - now.st_mtime_ns < SETTLED_NS:
                    return listed[1]
        except OSError:  # there is none, or what stands in its place is no folder
            return []
        self.seen[folder] = listed
        return listed[1]


_Listed = tuple[tuple[int, int, int], list[str]]
_folders: dict[Path, dict[str, _Listed]] = {}  # by home


def scan(files: StoreFiles, without: Container[str] = ()) -> list[Part]:
    """Every file that belongs in the database; names beginning with a dot are unfinished.

    Args:
        files: Where they are.
        without: Names that are passed over, unless lines are appended there: a stat of each costs
            a reader more than all else.
    """
    folders = _Folders(_folders.get(files.root, {}))
    listed: list[Part] = []
    for run in folders.names(str(files.runs)):
        if not run.startswith("."):
            listed += _scan_run(folders, f"{files.runs}/{run}", run, without)
    for name in folders.names(str(files.journal)):
        table = next((JOURNAL[start] for start in JOURNAL if name.startswith(start)), None)
        if table is not None and name.endswith(".jsonl"):
            size = _size(f"{files.journal}/{name}")
            if size is not None:
                listed.append(Part(f"journal/{name}", table, "", size, grows=True))
    _folders[files.root] = folders.seen
    return listed


def _scan_run(
    folders: _Folders, folder: str, run_id: str, without: Container[str]
) -> Iterator[Part]:
    for entry in folders.names(folder):
        path, name = f"{folder}/{entry}", f"runs/{run_id}/{entry}"
        if entry in FOLDERS:
            table, suffix = FOLDERS[entry]
            for part in folders.names(path):
                if part.startswith("part-") and part.endswith(suffix):
                    yield from _part(f"{path}/{part}", f"{name}/{part}", table, run_id, without)
        elif entry == "spec.json":
            yield from _part(path, name, "run", run_id, without)
        elif entry == "metrics.jsonl":
            yield from _part(path, name, "metric", run_id, (), grows=True)


def _part(
    path: str,
    name: str,
    table: str,
    run_id: str,
    without: Container[str],
    *,
    grows: bool = False,
) -> Iterator[Part]:
    """The file, unless it is passed over or gone."""
    if name not in without and (size := _size(path)) is not None:
        yield Part(name, table, run_id, size, grows)


def pending(parts: Iterable[Part], manifest: Mapping[str, int]) -> list[Part]:
    """The parts, or the ends of parts, that are not in the database.

    Args:
        parts: All of them.
        manifest: Bytes ingested, by name.
    """
    return [
        part
        for part in parts
        if part.name not in manifest or (part.grows and part.size > manifest[part.name])
    ]
