"""Part files of samples, prompts and grades: written whole, under names that never meet.

Promises: a part is on disk completely and durably, or not at all; ids are deterministic, so a part
that repeats another's rows does no harm.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wgen_tui.protocol.columns import PROMPT_COLUMNS, READOUT_COLUMNS, SAMPLE_COLUMNS, TOKEN_COLUMNS
from wgen_tui.protocol.record import write_durably
from wgen_tui.protocol.runs import GradeRow

TYPES = {
    "timestamp[us, tz=UTC]": pa.timestamp("us", tz="UTC"),
    "list<int32>": pa.list_(pa.int32()),
    "list<float>": pa.list_(pa.float32()),
}


def _schema(columns: Iterable[tuple[str, str]]) -> pa.Schema:
    return pa.schema([(name, TYPES.get(kind) or pa.type_for_alias(kind)) for name, kind in columns])


SAMPLE_SCHEMA = _schema(SAMPLE_COLUMNS)
PROMPT_SCHEMA = _schema(PROMPT_COLUMNS)
TOKEN_SCHEMA = _schema(TOKEN_COLUMNS)
READOUT_SCHEMA = _schema(READOUT_COLUMNS)


def _next_name(folder: Path, launch_id: str, suffix: str) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)  # a run whose folder is gone is not made anew
    number = len(list(folder.glob(f"part-{launch_id}-*{suffix}")))
    return folder / f"part-{launch_id}-{number:05d}{suffix}"


def _write_table(
    folder: Path, launch_id: str, rows: list[Mapping[str, Any]], schema: pa.Schema
) -> Path:
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    path = _next_name(folder, launch_id, ".parquet")
    write_durably(path, buffer.getvalue())
    return path


def write_samples(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of samples (keys: SAMPLE_COLUMNS)."""
    return _write_table(folder, launch_id, rows, SAMPLE_SCHEMA)


def write_prompts(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of prompts (keys: PROMPT_COLUMNS)."""
    return _write_table(folder, launch_id, rows, PROMPT_SCHEMA)


def write_tokens(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of samples' tokens (keys: TOKEN_COLUMNS)."""
    return _write_table(folder, launch_id, rows, TOKEN_SCHEMA)


def write_readouts(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of read-outs (keys: READOUT_COLUMNS)."""
    return _write_table(folder, launch_id, rows, READOUT_SCHEMA)


def write_grades(folder: Path, launch_id: str, rows: list[GradeRow]) -> Path:
    """Write a part of grades."""
    text = "".join(row.model_dump_json() + "\n" for row in rows)
    path = _next_name(folder, launch_id, ".jsonl")
    write_durably(path, text.encode())
    return path
