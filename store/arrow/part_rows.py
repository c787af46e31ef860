"""What the files that the database is made from hold, as Arrow: read a batch at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib.abc import MetaPathFinder
from pathlib import Path

import pyarrow as pa

from store import schema
from store.arrow import records
from store.layout import StoreFiles
from store.parts import Part

AT_ONCE = 128  # parts, and
AT_ONCE_BYTES = 8 << 20  # of files that are read before the batch is measured again
READERS = min(4, os.cpu_count() or 1)  # threads


class _NoPandas(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError(name=fullname)


def _spare_pandas() -> None:
    """Let Arrow find no pandas.

    For every list that becomes an array it asks whether that is a Series, and imports pandas to be
    able to ask: a fifth of a second and 35 MB for the first part that anyone reads. It tries once.
    """
    if "pandas" not in sys.modules:
        finder = _NoPandas()
        sys.meta_path.insert(0, finder)
        try:
            pa.array([])
        finally:
            sys.meta_path.remove(finder)


_spare_pandas()


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


def read(files: StoreFiles, parts: Iterable[Part], manifest: Mapping[str, int]) -> Batch:
    """Read parts; a damaged one is named and does not keep the others out."""
    (batch,) = batches(files, parts, manifest)
    return batch


def batches(
    files: StoreFiles,
    parts: Iterable[Part],
    manifest: Mapping[str, int],
    limit: Callable[[], int] | None = None,
) -> Iterator[Batch]:
    """Read parts in their order, as many together as take `limit()` bytes in memory.

    Memory stays bounded whatever there is to read, as long as no single part is large.
    """
    gathering = _Gathering()
    with ThreadPoolExecutor(READERS) as pool:
        for some in _chunks(list(parts), manifest, limit):
            gathering.add(_read_some(files, some, manifest, pool))
            if limit is not None and gathering.size >= limit():
                batch, gathering = gathering.batch(), _Gathering()
                yield batch
                del batch  # else it would be held while the next is read
    yield gathering.batch()


def _chunks(
    parts: Sequence[Part], manifest: Mapping[str, int], limit: Callable[[], int] | None
) -> Iterator[list[Part]]:
    """The parts, so many at a time that their files are small together."""

    def most() -> int:  # rows take about three times what their file does
        return AT_ONCE_BYTES if limit is None else min(AT_ONCE_BYTES, limit() // 2)

    some: list[Part] = []
    size = 0
    for part in parts:
        some.append(part)
        size += part.size - manifest.get(part.name, 0)
        if len(some) == AT_ONCE or size >= most():
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
    if part.table == "note":
        return records.read_jsonl(path, records.NOTE_LINES, start, part.size)
    return records.read_parquet(path, schema.TABLES[part.table])
