"""JSON lines as Arrow columns, parsed in bulk.

Promises: the same rows as one line after another through Python's json would give, or None. What is
not of the plain kind (a damaged line, a blank one, a value of another type) is left to the reader
of lines, which takes it or names it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.json as pj

from store.schema import STAMP, ZONED

Row = dict[str, Any]

# An object without objects in it, as text.
FLAT = rb'\s*(\{[^{}"\\]*(?:"[^"\\]*(?:\\.[^"\\]*)*"[^{}"\\]*)*\})'
BETWEEN = "}, {"  # of objects in a list that json.dumps wrote


@dataclass(frozen=True, slots=True)
class Lines:
    """How lines become rows.

    Attributes:
        schema: The rows' columns.
        row: One parsed line as a row.
        names: Key in the lines, for columns that have another name there.
        constants: Columns that are the same in every row.
        objects: Columns that keep a JSON object as text.
    """

    schema: pa.Schema
    row: Callable[[Row], Row]
    names: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    objects: tuple[str, ...] = ()


def read_columns(whole: bytes, lines: Lines) -> pa.Table | None:
    """The rows of whole lines; None where only a line-by-line reading can tell what they are."""
    count = whole.count(b"\n")
    if not count:
        return None
    try:
        whole.decode()  # Arrow would let other bytes through
        parsed = pj.read_json(
            pa.BufferReader(whole),
            read_options=pj.ReadOptions(use_threads=False, block_size=len(whole)),
            parse_options=pj.ParseOptions(
                explicit_schema=_parsed_schema(lines), unexpected_field_behavior="ignore"
            ),
        )
        if parsed.num_rows != count:
            return None
        columns = [_column(parsed, whole, lines, column) for column in lines.schema]
    except (pa.ArrowException, ValueError, KeyError):
        return None
    return pa.table(columns, schema=lines.schema)


def _parsed_schema(lines: Lines) -> pa.Schema:
    """What Arrow is to parse: times as text, objects not at all."""
    left_out = {*lines.objects, *lines.constants}
    return pa.schema(
        [
            (lines.names.get(column.name, column.name), _parsed_type(column.type))
            for column in lines.schema
            if column.name not in left_out
        ]
    )


def _parsed_type(kind: pa.DataType) -> pa.DataType:
    return pa.string() if kind == STAMP else kind


def _column(
    parsed: pa.Table, whole: bytes, lines: Lines, column: pa.Field
) -> pa.Array | pa.ChunkedArray:
    if column.name in lines.constants:
        return pa.repeat(pa.scalar(lines.constants[column.name], column.type), parsed.num_rows)
    if column.name in lines.objects:
        return pa.array(_object_texts(whole, column.name, parsed.num_rows), column.type)
    name = lines.names.get(column.name, column.name)
    values = parsed[name]
    if name != column.name and values.null_count:
        raise KeyError(name)  # a line lacks it
    return values.cast(ZONED).cast(STAMP) if column.type == STAMP else values


def _object_texts(whole: bytes, key: str, count: int) -> list[str]:
    """The object under `key` in every line, as json.dumps writes it.

    Raises:
        ValueError: they cannot be told without parsing the lines.
    """
    texts = re.findall(b'"%s":%s' % (key.encode(), FLAT), whole)
    if len(texts) != count:
        raise ValueError(key)
    distinct = list(dict.fromkeys(texts))
    values = json.loads(b"[" + b",".join(distinct) + b"]")
    written = json.dumps(values, ensure_ascii=False)[2:-2].split(BETWEEN)
    if len(written) != len(distinct):
        raise ValueError(key)
    same = {text: "{" + rest + "}" for text, rest in zip(distinct, written, strict=True)}
    return [same[text] for text in texts]
