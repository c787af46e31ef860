"""The files that the database is made from: which there are, and which are not in it yet.

Promises: no Arrow, which most readers have no use for: usually nothing waits.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from store.layout import StoreFiles

# Every table, in the order in which they fill: one after another, so that a transaction has many
# rows of one. A run comes before its rows: only of a run that is known can they be forgotten.
ORDER = ("run", "prompt", "metric", "sample", "sample_token", "readout", "verdict", "grade")

# Folder of a run -> (table, suffix of its parts).
FOLDERS = {
    "samples": ("sample", ".parquet"),
    "tokens": ("sample_token", ".parquet"),
    "readouts": ("readout", ".parquet"),
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


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except OSError:  # there is none, or what stands in its place is no folder
        return


def _size(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat().st_size
    except FileNotFoundError:  # removed since it was listed
        return None
    except OSError:  # a circle of links: reading it says so
        return 0


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a circle of links
        return False


def scan(files: StoreFiles, without: Container[str] = ()) -> list[Part]:
    """Every file that belongs in the database; names beginning with a dot are unfinished.

    Args:
        files: Where they are.
        without: Names that are passed over, unless lines are appended there: a stat of each costs
            a reader more than all else.
    """
    listed: list[Part] = []
    for run in _entries(files.runs):
        if run.name.startswith(".") or not _is_folder(run):
            continue
        listed += _scan_run(run, without)
    for entry in _entries(files.journal):
        if entry.name.startswith("grades-") and entry.name.endswith(".jsonl"):
            size = _size(entry)
            if size is not None:
                listed.append(Part(f"journal/{entry.name}", "grade", "", size, grows=True))
    return listed


def _scan_run(run: os.DirEntry[str], without: Container[str]) -> Iterator[Part]:
    for entry in _entries(Path(run.path)):
        name = f"runs/{run.name}/{entry.name}"
        if entry.name in FOLDERS:
            table, suffix = FOLDERS[entry.name]
            for part in _entries(Path(entry.path)):
                if part.name.startswith("part-") and part.name.endswith(suffix):
                    yield from _part(part, f"{name}/{part.name}", table, run.name, without)
        elif entry.name == "spec.json":
            yield from _part(entry, name, "run", run.name, without)
        elif entry.name == "metrics.jsonl":
            yield from _part(entry, name, "metric", run.name, (), grows=True)


def _part(
    entry: os.DirEntry[str],
    name: str,
    table: str,
    run_id: str,
    without: Container[str],
    *,
    grows: bool = False,
) -> Iterator[Part]:
    """The file, unless it is passed over or gone."""
    if name not in without and (size := _size(entry)) is not None:
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
