"""Samples with the labels and numbers that judges gave, as files.

Promises: the columns of `samples_wide`, ordered by sample_id, whatever the number of threads; a
CSV has the bytes that Python's csv module would write. Memory is bounded, however many samples and
however long their texts: DuckDB holds `MEMORY` at most, and samples that take more than `SHARE` are
put in order by way of a folder beside the database, which is removed afterwards.

DuckDB sorts no more texts than fit in memory (2.0.0 fails rather than spill them). So the ids are
cut into ranges, each row goes to the file of its range as it comes, and one range after another is
read, sorted and written. The labels of a sample are gathered as bits, one for each pair of judge
and label: lists of texts for each of millions would not fit either, and only some tens of
combinations differ. Its numbers are gathered as columns, one for each judge.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from store.console import Rows, write_json
from store.samples.filters import Filter, where
from store.samples.memory import SPILL
from store.waiting import quoted

MEMORY = "320MB"
SHARE = 26_000_000  # bytes of rows in a range; three are held: read, sorted and written
ROW = 400  # bytes of a row beside its completion, about
BATCH = 10_000  # rows that are on their way to their files
STALE = 86_400  # seconds; a folder this old was left by an export that was killed
THREADS = min(4, os.cpu_count() or 1)  # each holds a batch
ALL_DIFFER = ("sample_id", "blind_key", "completion", "logprob", "draw_seed")  # in most rows
JOINED = """\
from samples s semi join chosen using (sample_id)
left join sample_label using (sample_id) left join label_set l using (bits)
left join sample_number n using (sample_id)
left join sample_note t using (sample_id)"""
# As in views.sql, where samples_wide has them.
NOTED = (
    "select sample_id, string_agg(tag, ' ' order by tag) as tags from tags group by sample_id",
    "select sample_id, string_agg(author || ': ' || text, chr(10) order by author) as notes "
    "from notes group by sample_id",
)
BY_JUDGES = "(grader like 'rule:%' or grader like 'model:%')"
KEY = "case when grader like 'rule:%' then judge else judge || '@' || substr(grader, 7) end"


class TooLarge(Exception):
    """An export needs more memory, or more of the disk, than there is."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"{why.splitlines()[0]} (With {MEMORY} of memory, and what is free beside the database "
            f"in {folder}: {shutil.disk_usage(folder).free / 1e9:.1f} GB.)"
        )


@contextmanager
def exporting(
    con: duckdb.DuckDBPyConnection, criteria: Filter, root: Path
) -> Iterator[SampleExport]:
    """Choose samples and gather their labels, to be written as a file.

    Args:
        con: From `store.connect.read`.
        criteria: Which samples.
        root: The folder of the database; what does not fit in memory goes to one within it.

    Raises:
        TooLarge: memory, or what is free in `root`, is not enough.
    """
    for left in root.glob(f"{SPILL}*"):
        if time.time() - left.stat().st_mtime > STALE:
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=SPILL, dir=root) as folder:
        try:
            con.execute(f"set memory_limit = '{MEMORY}'")
            con.execute(f"set threads = {THREADS}")
            con.execute(f"set temp_directory = {quoted(folder)}")
            con.execute("set preserve_insertion_order = false")
            yield SampleExport(con, Path(folder), _gather(con, criteria))
        except duckdb.OutOfMemoryException as error:
            raise TooLarge(root, str(error)) from error


class SampleExport:
    """Samples that were chosen; each method writes all of them and returns how many they are."""

    def __init__(self, con: duckdb.DuckDBPyConnection, folder: Path, keys: list[str]) -> None:
        self._con = con
        self._folder = folder
        self._keys = keys  # of numbers
        self._rows = (
            "select s.*, l.labels['broken'] = 'broken' as broken, l.labels, "
            f"{_numbers(keys)} as numbers, t.tags, t.notes {JOINED}"
        )
        described = con.execute(f"describe {self._rows}").fetchall()
        self._columns = [(name, kind) for name, kind, *_ in described]

    def parquet(self, path: Path) -> int:
        """Write Parquet (zstd)."""
        number, writer = 0, None
        try:
            for table in self._in_order(self._rows):
                if writer is None:
                    few = [name for name in table.schema.names if name not in ALL_DIFFER]
                    writer = pq.ParquetWriter(
                        path, table.schema, compression="zstd", use_dictionary=few
                    )
                writer.write_table(table)
                number += table.num_rows
        finally:
            if writer is not None:
                writer.close()
        return number

    def json(self, stream: TextIO) -> int:
        """Write what `sql --format json` would."""
        names, kinds = zip(*self._columns, strict=True)
        return write_json(Rows(list(names), list(kinds), self._python_rows()), stream)

    def _python_rows(self) -> Iterator[tuple[Any, ...]]:
        for table in self._in_order(self._rows):
            for batch in table.to_batches(max_chunksize=1000):
                for row in batch.to_pylist(maps_as_pydicts="strict"):
                    yield tuple(row.values())

    def csv(self, stream: TextIO) -> int:
        """Write CSV (RFC 4180, LF).

        DuckDB makes the lines, which leave it as one text each: a Python object for every cell
        would take five times as long.
        """
        csv.writer(stream, lineterminator="\n").writerow([name for name, _ in self._columns])
        _write_label_cells(self._con)
        own = [_cell(f"s.{name}", kind) for name, kind in self._columns[:-5]]
        broken = _cell("(l.labels['broken'] = 'broken')", "BOOLEAN")
        labels = [broken, "coalesce(c.cell, '')", _numbers_cell(self._keys)]
        cells = [*own, *labels, *(_cell(f"t.{name}", "VARCHAR") for name in ("tags", "notes"))]
        line = " || chr(44) || ".join(cells)
        lines = f"select s.sample_id, {line} || chr(10) as line {JOINED} "
        number = 0
        for table in self._in_order(lines + "left join label_cell c using (bits)"):
            for batch in table.select(["line"]).to_batches(max_chunksize=BATCH):
                offsets = pa.array([0, batch.num_rows], pa.int32())
                whole = pa.ListArray.from_arrays(offsets, batch.column(0))
                stream.write(pc.binary_join(whole, "")[0].as_py())
            number += table.num_rows
        return number

    def _in_order(self, query: str) -> Iterator[pa.Table]:
        """The rows of a query ordered by sample_id, a range of ids at a time."""
        starts = self._ranges()
        if len(starts) == 1:
            yield self._con.sql(query).to_arrow_table().sort_by("sample_id")
            return
        files = [self._folder / f"range-{number}.arrow" for number in range(len(starts))]
        try:
            self._spill(query, starts, files)
        except OSError as error:
            raise TooLarge(self._folder.parent, error.strerror or str(error)) from error
        with ThreadPoolExecutor(1) as ahead:  # one range is sorted while another is written
            coming = ahead.submit(_sorted, files[0])
            for path, following in zip(files, [*files[1:], None], strict=True):
                table = coming.result()
                path.unlink()
                if following is not None:
                    coming = ahead.submit(_sorted, following)
                yield table
                del table

    def _spill(self, query: str, starts: npt.NDArray[np.int64], files: list[Path]) -> None:
        """Write each row of a query to the file of its range."""
        reader = self._con.sql(query).to_arrow_reader(BATCH)
        with ExitStack() as stack:
            sinks = [
                stack.enter_context(ipc.new_stream(str(path), reader.schema)) for path in files
            ]
            for batch in reader:
                _scatter(batch, starts, sinks)

    def _ranges(self) -> npt.NDArray[np.int64]:
        """The first id of each range of about SHARE bytes."""
        ((rows, length),) = self._con.execute(
            "select (select count(*) from chosen), (select avg(strlen(completion)) from samples "
            "where sample_id in (select sample_id from chosen limit 1000))"
        ).fetchall()
        ranges = int(rows * ((length or 0) + ROW) / SHARE) + 1
        firsts = self._con.execute(
            "select min(sample_id) from (select sample_id, ntile(?) over (order by sample_id) as n "
            "from chosen) group by n order by n",
            [ranges],
        ).fetchall()
        return np.array([np.iinfo(np.int64).min, *(first for (first,) in firsts[1:])])


def _sorted(path: Path) -> pa.Table:
    """The rows of a range in order."""
    with ipc.open_stream(str(path)) as source:
        return source.read_all().sort_by("sample_id")


def _scatter(
    batch: pa.RecordBatch, starts: npt.NDArray[np.int64], sinks: list[ipc.RecordBatchStreamWriter]
) -> None:
    """Write each row of a batch to the file of its range."""
    ids = batch.column("sample_id").to_numpy()
    places = np.searchsorted(starts, ids, side="right") - 1
    order = np.argsort(places, kind="stable")
    edges = np.searchsorted(places[order], np.arange(len(starts) + 1))
    ordered = batch.take(pa.array(order))
    for sink, start, stop in zip(sinks, edges[:-1], edges[1:], strict=True):
        if start < stop:
            sink.write_batch(ordered.slice(start, stop - start))


def _gather(con: duckdb.DuckDBPyConnection, criteria: Filter) -> list[str]:
    """Make temporary tables: the samples chosen, their labels as bits, and what bits stand for.

    Returns:
        The keys of their numbers, in order; `sample_number` has a column for each.
    """
    condition, values = where(criteria)
    con.execute(f"create temp table chosen as select sample_id from samples s{condition}", values)
    labelled = f"{BY_JUDGES} and label is not null"
    con.execute(
        "create temp table label_code as select key, label, "
        "(row_number() over (order by key, label) - 1)::integer as code from ("
        f"select distinct {KEY} as key, label from grades semi join chosen using (sample_id) "
        f"where {labelled})"
    )
    ((codes,),) = con.execute("select count(*) from label_code").fetchall()
    con.execute(
        f"create temp table sample_label as select sample_id, bitstring_agg(code, 0, {codes}) as "
        f"bits from (select sample_id, {KEY} as key, label from grades where {labelled}) "
        "semi join chosen using (sample_id) join label_code using (key, label) group by sample_id"
    )
    con.execute(
        "create temp table label_set as "
        "select bits, map(list(key order by code), list(label order by code)) as labels "
        "from (select distinct bits from sample_label) join label_code on get_bit(bits, code) = 1 "
        "group by bits"
    )
    con.execute(
        "create temp table sample_note as select sample_id, tags, notes from "
        f"({NOTED[0]}) full join ({NOTED[1]}) using (sample_id)"
    )
    return _gather_numbers(con)


def _gather_numbers(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Make the table of the numbers of each sample, a column for each key, and return the keys."""
    numbered = f"{BY_JUDGES} and number is not null"
    rows = con.execute(
        f"select distinct {KEY} as key from grades semi join chosen using (sample_id) "
        f"where {numbered} order by key"
    ).fetchall()
    keys = [key for (key,) in rows]
    columns = [
        f", max(number) filter ({KEY} = {quoted(key)}) as n{place}"
        for place, key in enumerate(keys)
    ]
    con.execute(
        f"create temp table sample_number as select sample_id{''.join(columns)} "
        f"from grades semi join chosen using (sample_id) where {numbered} group by sample_id"
    )
    return keys


def _numbers(keys: list[str]) -> str:
    """SQL for the map from key to number; null for a sample without any."""
    if not keys:
        return "null::map(varchar, double)"
    pairs = ", ".join(f"{{'k': {quoted(key)}, 'v': n.n{i}}}" for i, key in enumerate(keys))
    entries = f"list_filter([{pairs}], lambda pair: pair.v is not null)"
    return f"case when n.sample_id is not null then map_from_entries({entries}) end"


def _numbers_cell(keys: list[str]) -> str:
    """SQL for the same as a cell: the JSON that Python writes, in quotes."""
    if not keys:
        return "''"
    pairs = ", ".join(
        f"{quoted(json.dumps(key) + ': ')} || {_json_number(f'n.n{i}')}"
        for i, key in enumerate(keys)
    )
    text = f"concat('{{', array_to_string([{pairs}], ', '), '}}')"
    cell = f"chr(34) || replace({text}, chr(34), chr(34) || chr(34)) || chr(34)"
    return f"case when n.sample_id is not null then {cell} else '' end"


def _json_number(value: str) -> str:
    """SQL for a number as JSON, which has no NaN and no infinity."""
    written = f"when isfinite({value}) then {value}::varchar else 'null'"
    return f"case when {value} is null then null {written} end"


def _write_label_cells(con: duckdb.DuckDBPyConnection) -> None:
    """Make a table of the cell for each set of labels: the JSON that Python writes."""
    con.execute("create temp table label_cell (bits bit, cell varchar)")
    for bits, labels in con.execute("select bits::varchar, labels from label_set").fetchall():
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow([json.dumps(labels), ""])
        cell = text.getvalue()[: -len(",\n")]
        con.execute("insert into label_cell values (?::bit, ?)", [bits, cell])


def _cell(value: str, kind: str) -> str:
    """SQL for a value as a cell, in the words of Python's csv module."""
    if kind == "VARCHAR":
        special = " or ".join(f"contains({value}, chr({ord(mark)}))" for mark in QUOTED)
        inner = f"chr(34) || replace({value}, chr(34), chr(34) || chr(34)) || chr(34)"
        text = f"case when {special} then {inner} else {value} end"
    elif kind == "BOOLEAN":
        text = f"case when {value} then 'True' else 'False' end"
        return f"case when {value} is null then '' else {text} end"
    elif kind == "DOUBLE":
        text = f"case when isfinite({value}) then {value}::varchar end"
    elif kind == "TIMESTAMP":
        fine = f"case when microsecond({value}) % 1000000 = 0 then '' "
        fine += f"else strftime({value}, '.%f') end"
        text = f"strftime({value}, '%Y-%m-%dT%H:%M:%S') || {fine}"
    elif kind.endswith(("INT", "INTEGER")):
        text = f"{value}::varchar"
    else:
        raise ValueError(f"A column of type {kind} has no form in a CSV of samples.")
    return f"coalesce({text}, '')"


def _is_quoted(mark: str) -> bool:
    """Whether the csv module puts a text with this character in quotes; its versions differ."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow([f"a{mark}b"])
    return text.getvalue().startswith('"')


QUOTED = [mark for mark in ',"\n\r' if _is_quoted(mark)]
