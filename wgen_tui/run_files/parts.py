"""Part files of a run (samples, prompts, verdicts, grades …): written whole or not at all.

Promises: a part is on disk completely and durably, or not at all; ids are deterministic, so a part
that repeats another's rows does no harm. No two launches write to one name.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from store.schema import (
    HELD_OUT,
    PROMPT,
    READOUT,
    SAMPLE,
    SAMPLE_REASONING,
    SAMPLE_TOKEN,
    VERDICT,
    in_parts,
)
from wgen_tui.protocol.record import write_durably
from wgen_tui.protocol.runs import GradeRow
from wgen_tui.run_files.part_names import next_name


def _next_name(folder: Path, launch_id: str, suffix: str) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)  # a run whose folder is gone stays away
    return folder / next_name(folder, launch_id, suffix)


def _write_table(
    folder: Path, launch_id: str, rows: list[Mapping[str, Any]], columns: pa.Schema
) -> Path:
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(rows, schema=in_parts(columns))
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    path = _next_name(folder, launch_id, ".parquet")
    write_durably(path, buffer.getvalue())
    return path


def write_samples(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of samples (columns: store.schema.SAMPLE)."""
    return _write_table(folder, launch_id, rows, SAMPLE)


def write_prompts(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of prompts (columns: store.schema.PROMPT)."""
    return _write_table(folder, launch_id, rows, PROMPT)


def write_tokens(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of samples' tokens (columns: store.schema.SAMPLE_TOKEN)."""
    return _write_table(folder, launch_id, rows, SAMPLE_TOKEN)


def write_reasoning(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of samples' reasoning (columns: store.schema.SAMPLE_REASONING)."""
    return _write_table(folder, launch_id, rows, SAMPLE_REASONING)


def write_readouts(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of readouts (columns: store.schema.READOUT)."""
    return _write_table(folder, launch_id, rows, READOUT)


def write_held_out(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of held-out rows (columns: store.schema.HELD_OUT)."""
    return _write_table(folder, launch_id, rows, HELD_OUT)


def write_verdicts(folder: Path, launch_id: str, rows: list[Mapping[str, Any]]) -> Path:
    """Write a part of verdicts (columns: store.schema.VERDICT)."""
    return _write_table(folder, launch_id, rows, VERDICT)


def write_grades(folder: Path, launch_id: str, rows: list[GradeRow]) -> Path:
    """Write a part of grades."""
    text = "".join(row.model_dump_json() + "\n" for row in rows)
    path = _next_name(folder, launch_id, ".jsonl")
    write_durably(path, text.encode())
    return path
