"""The files that hold training rows: JSONL, one JSON array, gzip of either, CSV, TSV, Parquet.

Promises: what a file is, its first bytes and its content say, not its name alone; each row comes
with the line it begins in (its number, in a Parquet file), and what is no row is named with it.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import itertools
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from experiments.errors import DefinitionError, Problem
from experiments.json_text import NotJson, parse_json, parse_json_at
from experiments.text_files import open_bytes, text_lines

BOM = "\ufeff"
PEEKED = 4096  # bytes that tell what a file is
TABLES = {".csv": ",", ".tsv": "\t"}
SHAPE = "Each line is one JSON object."
PRETTY = f"{SHAPE} `jq -c . OLD > NEW` writes pretty-printed ones so."


@dataclass(frozen=True, slots=True)
class Raw:
    """One row as it stands in the file, or what is wrong with it.

    Attributes:
        line: Where it begins, from 1; the row's number in a Parquet file.
        value: What JSON made of it.
        wrong: Why it is no value; empty when it is one.
        hint: What to write.
    """

    line: int
    value: Any = None
    wrong: str = ""
    hint: str = ""


def read_raw_rows(path: Path, *, values: bool = True) -> Iterator[Raw]:
    """The rows of a dataset file, one after the other: of JSONL and tables one row is held.

    Args:
        path: The file.
        values: Whether they are wanted; to count rows, lines of JSON need not be understood.

    Raises:
        DefinitionError: it is absent, unreadable, or of a kind that holds no rows.
    """
    with open_bytes(path) as plain, _unpacked(plain, path) as stream:
        head = _peek(stream, path)
        if head.startswith(b"PAR1"):
            yield from _parquet(stream, path, values)
            return
        lines = text_lines(_damage_named(stream, path), path)
        suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
        if suffix in TABLES:
            yield from _table(lines, TABLES[suffix], path)
        elif head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"["):
            yield from _array("".join(lines))
        elif values:
            yield from _lines(lines)
        else:
            yield from (Raw(n) for n, line in enumerate(lines, 1) if line.strip().strip(BOM))


@contextmanager
def _unpacked(stream: BinaryIO, path: Path) -> Iterator[BinaryIO]:
    """What a gzip file holds, or the stream itself."""
    if _peek(stream, path).startswith(b"\x1f\x8b"):
        with gzip.open(stream) as unpacked:
            yield unpacked  # type: ignore[misc]  # gzip's stream is no BinaryIO to the checker
    else:
        yield stream


def _peek(stream: BinaryIO, path: Path) -> bytes:
    """The first bytes, which are read again; more where white space comes first."""
    with _damage(path):
        head = stream.read(PEEKED)
        while head.isspace() and (more := stream.read(PEEKED)):
            head = more
        stream.seek(0)
    return head


def _damage_named(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """The lines of a stream; a gzip file that is damaged further on is named."""
    with _damage(path):
        yield from stream


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DefinitionError(Problem(f"The gzip file is damaged: {error}.", "", path)) from error
    except OSError as error:
        why = f"The file cannot be read: {error.strerror or error}."
        raise DefinitionError(Problem(why, "", path)) from error


def _lines(lines: Iterable[str]) -> Iterator[Raw]:
    for number, line in enumerate(lines, start=1):
        # Files laid end to end have byte-order marks in the middle.
        if stripped := line.strip().strip(BOM):
            try:
                yield Raw(number, parse_json(stripped))
            except NotJson as error:
                hint = PRETTY if stripped in ("{", "}") else SHAPE if error.column else ""
                yield Raw(number, wrong=str(error), hint=hint)


def _array(text: str) -> Iterator[Raw]:
    """The items of one JSON array, each with its line."""
    at, line, counted = text.index("[") + 1, 1, 0
    for number in itertools.count(1):
        after, at = at, _skip(text, at, "," if number > 1 else "")
        line += text.count("\n", counted, at)
        counted = at
        if at >= len(text):
            yield Raw(line, wrong="The JSON array does not end.", hint="A ] is missing.")
            return
        if text[at] == "]":
            if rest := text[at + 1 :].strip():
                yield Raw(line, wrong=f"Something follows the JSON array: {rest[:20]!r}.")
            return
        if number > 1 and "," not in text[after:at]:
            yield Raw(line, wrong="A comma is missing before this item of the JSON array.")
            return
        try:
            value, at = parse_json_at(text, at)
        except NotJson as error:
            yield Raw(line, wrong=str(error), hint="The file is one JSON array.")
            return
        yield Raw(line, value)


def _skip(text: str, at: int, also: str) -> int:
    """The first place from `at` that is neither white space nor one separator."""
    while at < len(text) and (text[at].isspace() or text[at] == also):
        also = "" if text[at] == also else also
        at += 1
    return at


def _table(lines: Iterable[str], separator: str, path: Path) -> Iterator[Raw]:
    """The rows of a table with a head; cells are texts, or JSON where they look like a list."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    csv.field_size_limit(max(csv.field_size_limit(), sys.maxsize))
    line = 1
    try:
        names = next(reader, [])
        if len(set(names)) < len(names):
            raise DefinitionError(Problem("A column stands twice in the head.", "", path, 1))
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                return
            if len(cells) != len(names) and cells:
                wrong = f"The row has {len(cells)} cells, the head {len(names)}."
                yield Raw(line, wrong=wrong)
            elif cells:
                yield _cells(line, dict(zip(names, cells, strict=True)))
    except csv.Error as error:
        yield Raw(line, wrong=f"This is not CSV: {error}.")


def _cells(line: int, row: dict[str, str]) -> Raw:
    value: dict[str, Any] = {}
    for name, cell in row.items():
        if name in ("messages", "conversations") and cell.lstrip().startswith("["):
            try:
                value[name] = parse_json(cell)
            except NotJson as error:
                return Raw(line, wrong=f"{name}: {error}")
        elif cell or name in ("prompt", "completion"):
            value[name] = cell
    return Raw(line, value)


def _parquet(stream: BinaryIO, path: Path, values: bool) -> Iterator[Raw]:
    import pyarrow  # noqa: PLC0415  a tenth of a second, for the few that need it
    from pyarrow import parquet  # noqa: PLC0415

    try:
        file = parquet.ParquetFile(stream)
        if not values:
            yield from map(Raw, range(1, file.metadata.num_rows + 1))
            return
        number = 0
        for batch in file.iter_batches(1024):
            for row in batch.to_pylist():
                number += 1
                yield Raw(number, _present(row))
    except pyarrow.ArrowException as error:
        why = f"The Parquet file is damaged: {str(error).splitlines()[0]}."
        raise DefinitionError(Problem(why, "", path)) from error


def _present(value: Any) -> Any:
    """A row without the keys that other rows have: Parquet gives each row every key."""
    if isinstance(value, dict):
        return {key: _present(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_present(item) for item in value]
    return value
