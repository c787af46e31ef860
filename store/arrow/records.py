"""How each kind of file becomes rows of the base tables, as Arrow.

Promises: a file is read whole or named as damaged; the last line of a file that grows is left for
the next time while it has no end; keys that a newer version added are ignored.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from store.arrow.json_columns import Lines, Row, read_columns
from store.schema import GRADE, METRIC, NOTE, RUN, STAMP, ZONED


@dataclass(frozen=True, slots=True)
class Read:
    """What a file holds.

    Attributes:
        table: The rows.
        size: Bytes that these rows take; less than the file's where its last line is not ended.
    """

    table: pa.Table
    size: int


class Damaged(Exception):
    """A file cannot be read; the message says why."""


def refuse_odd(path: Path) -> int:
    """The size of a file; what is no plain one (opening a FIFO would wait) is refused.

    Raises:
        Damaged: it is none.
        FileNotFoundError: it is gone.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "no plain file"
        raise Damaged(f"it is {what}")
    return status.st_size


def read_parquet(path: Path, schema: pa.Schema) -> Read:
    """Read a part that is a table.

    Raises:
        Damaged: it is no Parquet file, or lacks a column.
        FileNotFoundError: it is gone.
    """
    try:
        size = refuse_odd(path)
        try:
            # A fifth of what `read_table` takes for a small part; that one words what is wrong.
            with pq.ParquetFile(path, page_checksum_verification=True) as part:
                rows = part.read(columns=schema.names, use_threads=False)
                return Read(_shaped(rows, schema), size)
        except (pa.ArrowException, KeyError):
            rows = pq.read_table(path, partitioning=None, page_checksum_verification=True)
            return Read(_shaped(rows, schema), size)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, KeyError, OSError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error


def _shaped(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `schema`, of its types; KeyError if one is not there."""
    columns = {field.name: rows[field.name].cast(field.type) for field in schema}
    return pa.table(columns, schema=schema)


def read_jsonl(path: Path, lines: Lines, start: int = 0, end: int | None = None) -> Read:
    """Read the whole lines of a JSONL file from byte `start` on, to `end` or its own.

    Raises:
        Damaged: a whole line is no JSON object of this kind.
        FileNotFoundError: it is gone.
    """
    try:
        refuse_odd(path)
        with path.open("rb") as stream:
            stream.seek(start)
            data = stream.read(-1 if end is None else end - start)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(str(error)) from error
    whole = data[: data.rfind(b"\n") + 1]
    table = read_columns(whole, lines)
    if table is None:
        table = to_table(_read_rows(whole, lines.row), lines.schema)
    return Read(table, start + len(whole))


def _read_rows(whole: bytes, shape: Callable[[dict[str, Any]], Row]) -> list[Row]:
    """One line at a time: slow, but it names the line that is wrong."""
    rows = []
    for line in whole.split(b"\n"):
        if line.strip():
            try:
                rows.append(shape(json.loads(line)))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise Damaged(f"{type(error).__name__}: {error}: {line[:80]!r}") from error
    return rows


def to_table(rows: Iterable[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as Arrow; times may be ISO 8601 text.

    Raises:
        Damaged: a value does not fit its column.
    """
    listed = list(rows)
    columns = []
    name = ""
    try:
        for field in schema:
            name = field.name
            values = [row.get(field.name) for row in listed]
            if field.type == STAMP:
                texts = pa.array([None if v is None else str(v) for v in values], pa.string())
                columns.append(texts.cast(ZONED).cast(STAMP))
            else:
                columns.append(pa.array(values, field.type))
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise Damaged(f"{name}: {error}") from error
    return pa.table(columns, schema=schema)


def _grade_row(row: Row) -> Row:
    """A line of a grade part or of the journal."""
    return {**row, "signals": json.dumps(row.get("signals") or {}, ensure_ascii=False)}


GRADE_LINES = Lines(schema=GRADE, row=_grade_row, objects=("signals",))
NOTE_LINES = Lines(schema=NOTE, row=dict)


def metric_lines(run_id: str) -> Lines:
    """The lines of a run's metrics.jsonl."""
    return Lines(
        schema=METRIC,
        row=lambda row: {**row, "run_id": run_id, "recorded_at": row["at"]},
        names={"recorded_at": "at"},
        constants={"run_id": run_id},
    )


def run_row(spec: dict[str, Any]) -> dict[str, Any]:
    """A run's spec.json."""
    return {
        "run_id": spec["run_id"],
        "experiment": spec["experiment"],
        "definition_hash": spec["definition_hash"],
        "model": spec["model"]["name"],
        "arm": spec["arm"],
        "role": spec["role"],
        "seed": spec["seeds"]["seed"],
        "data_rows": spec.get("data_rows"),
        "data_sha256": spec.get("data_sha256"),
        "training": json.dumps(spec.get("training")),
        "spec": json.dumps(spec),
        "created_at": spec["created_at"],
    }


def read_spec(path: Path) -> Read:
    """Read a run's spec.json.

    Raises:
        Damaged: it is no spec.
    """
    try:
        refuse_odd(path)
        data = path.read_bytes()
        return Read(to_table([run_row(json.loads(data))], RUN), len(data))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error
