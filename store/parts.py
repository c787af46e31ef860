"""The files that the database is made from: finding them, and reading what is not in it yet."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from store import records, schema
from store.layout import StoreFiles

AT_ONCE = 128  # parts, and
AT_ONCE_BYTES = 8 << 20  # of files that are read before the batch is measured again
READERS = min(4, os.cpu_count() or 1)  # threads

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
        done: Bytes read, by part.
        damaged: Why a part could not be read, by its name.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    done: dict[Part, int] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)


class _Gathering:
    """Rows on their way to a batch, in few chunks: DuckDB reads many small ones slowly."""

    def __init__(self) -> None:
        self.size = 0  # bytes in memory
        self._tables: dict[str, list[pa.Table]] = {}
        self._batch = Batch()

    def add(self, read: Iterable[tuple[Part, records.Read | records.Damaged | None]]) -> None:
        """Take in what was read; None stands for a part that is gone."""
        tables: dict[str, list[pa.Table]] = {}
        for part, contents in read:
            if isinstance(contents, records.Damaged):
                self._batch.damaged[part.name] = str(contents)
            elif contents is not None:
                self._batch.done[part] = contents.size
                tables.setdefault(part.table, []).append(contents.table)
        for name, some in tables.items():
            table = pa.concat_tables(some).combine_chunks()
            self.size += table.nbytes
            self._tables.setdefault(name, []).append(table)

    def batch(self) -> Batch:
        """All of it."""
        tables = {name: pa.concat_tables(some) for name, some in self._tables.items()}
        return replace(self._batch, tables=tables)


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


def read(files: StoreFiles, parts: Iterable[Part], manifest: Mapping[str, int]) -> Batch:
    """Read parts; a damaged one is named and does not keep the others out."""
    (batch,) = batches(files, parts, manifest, limit=None)
    return batch


def batches(
    files: StoreFiles,
    parts: Iterable[Part],
    manifest: Mapping[str, int],
    limit: int | None,
) -> Iterator[Batch]:
    """Read parts in their order, as many together as take `limit` bytes in memory.

    Memory stays bounded whatever there is to read, as long as no single part is large.
    """
    gathering = _Gathering()
    with ThreadPoolExecutor(READERS) as pool:
        for some in _chunks(list(parts), manifest, _at_once(limit)):
            gathering.add(_read_some(files, some, manifest, pool))
            if limit is not None and gathering.size >= limit:
                batch, gathering = gathering.batch(), _Gathering()
                yield batch
                del batch  # else it would be held while the next is read
    yield gathering.batch()


def _at_once(limit: int | None) -> int:
    """Bytes of files, which take about three times as much when they are read."""
    return AT_ONCE_BYTES if limit is None else min(AT_ONCE_BYTES, limit // 2)


def _chunks(parts: Sequence[Part], manifest: Mapping[str, int], most: int) -> Iterator[list[Part]]:
    """The parts, so many at a time that their files are small together."""
    some: list[Part] = []
    size = 0
    for part in parts:
        some.append(part)
        size += part.size - manifest.get(part.name, 0)
        if len(some) == AT_ONCE or size >= most:
            yield some
            some, size = [], 0
    if some:
        yield some


def _read_some(
    files: StoreFiles,
    parts: Sequence[Part],
    manifest: Mapping[str, int],
    pool: ThreadPoolExecutor,
) -> Iterator[tuple[Part, records.Read | records.Damaged | None]]:
    """Read parts side by side; most of the time is spent outside the interpreter's lock."""

    def one(part: Part) -> records.Read | records.Damaged | None:
        try:
            read = _read(files.root / part.name, part, manifest.get(part.name, 0))
            _refuse_gaps(read.table, part.table)
            return read
        except FileNotFoundError:  # the run was removed meanwhile
            return None
        except records.Damaged as error:
            return error

    return zip(parts, pool.map(one, parts), strict=True)


def _refuse_gaps(rows: pa.Table, table: str) -> None:
    """Refuse a part that lacks what each row must have: another version may have written it.

    Raises:
        records.Damaged: it does.
    """
    for name in schema.REQUIRED[table]:
        if rows[name].null_count:
            raise records.Damaged(f"a row has no {name}")


def _read(path: Path, part: Part, start: int) -> records.Read:
    if part.table == "run":
        return records.read_spec(path)
    if part.table == "metric":
        return records.read_jsonl(path, records.metric_lines(part.run_id), start, part.size)
    if part.table == "grade":
        return records.read_jsonl(path, records.GRADE_LINES, start, part.size)
    return records.read_parquet(path, schema.TABLES[part.table])
