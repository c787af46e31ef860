"""The files that the database is made from: finding them, and reading what is not in it yet."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from store import records, schema
from store.layout import StoreFiles

# Folder of a run -> (table, suffix of its parts).
FOLDERS = {
    "samples": ("sample", ".parquet"),
    "tokens": ("sample_token", ".parquet"),
    "readouts": ("readout", ".parquet"),
    "prompts": ("prompt", ".parquet"),
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


@dataclass
class Batch:
    """What some parts hold.

    Attributes:
        tables: Rows by table.
        done: Bytes read, by part name.
        rows: Rows read, by part name.
        damaged: Why a part could not be read, by part name.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return


def _size(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat().st_size
    except FileNotFoundError:  # removed since it was listed
        return None


def scan(files: StoreFiles) -> list[Part]:
    """Every file that belongs in the database; names beginning with a dot are unfinished."""
    listed: list[Part] = []
    for run in _entries(files.runs):
        if run.name.startswith(".") or not run.is_dir():
            continue
        listed += _scan_run(run)
    for entry in _entries(files.journal):
        if entry.name.startswith("grades-") and entry.name.endswith(".jsonl"):
            size = _size(entry)
            if size is not None:
                listed.append(Part(f"journal/{entry.name}", "grade", "", size, grows=True))
    return listed


def _scan_run(run: os.DirEntry[str]) -> Iterator[Part]:
    for entry in _entries(Path(run.path)):
        name, size = f"runs/{run.name}/{entry.name}", _size(entry)
        if size is None:
            continue
        if entry.name == "spec.json":
            yield Part(name, "run", run.name, size)
        elif entry.name == "metrics.jsonl":
            yield Part(name, "metric", run.name, size, grows=True)
        elif entry.name in FOLDERS:
            table, suffix = FOLDERS[entry.name]
            for part in _entries(Path(entry.path)):
                if part.name.startswith("part-") and part.name.endswith(suffix):
                    size = _size(part)
                    if size is not None:
                        yield Part(f"{name}/{part.name}", table, run.name, size)


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


def read(files: StoreFiles, parts: Iterable[Part], manifest: Mapping[str, int]) -> Batch:
    """Read parts; a damaged one is named and does not keep the others out."""
    batch = Batch()
    tables: dict[str, list[pa.Table]] = {}
    for part in parts:
        try:
            contents = _read(files.root / part.name, part, manifest.get(part.name, 0))
        except FileNotFoundError:  # the run was removed meanwhile
            continue
        except records.Damaged as error:
            batch.damaged[part.name] = str(error)
            continue
        batch.done[part.name] = contents.size
        batch.rows[part.name] = contents.table.num_rows
        tables.setdefault(part.table, []).append(contents.table)
    batch.tables = {name: pa.concat_tables(parts_of_one) for name, parts_of_one in tables.items()}
    return batch


def _read(path: Path, part: Part, start: int) -> records.Read:
    if part.table == "run":
        return records.read_spec(path)
    if part.table == "metric":
        return records.read_jsonl(path, schema.METRIC, records.metric_row(part.run_id), start)
    if part.table == "grade":
        return records.read_jsonl(path, schema.GRADE, records.grade_row, start)
    return records.read_parquet(path, schema.TABLES[part.table])
