"""Files of verdicts to import: our own, tables with a column for each judge, and Inspect's logs.

Promises: a line is one verdict on one sample, or an error that names the file and the place; a file
of any other shape says what was expected. Nothing is guessed: whose verdicts they are is told.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from wgen_tui.errors import UsageError

Row = tuple[int, Mapping[str, Any]]  # with its line, or its place in a log
LARGEST = 64 * 2**20  # bytes of one sample of a log
NEEDED = (
    "A line needs sample_id, and a label, a number or both; judge, grader, explanation, seconds "
    "may follow."
)


@dataclass(frozen=True, slots=True)
class ImportedLine:
    """A line of a file to import; `label` and `number` are not both None."""

    number_in_file: int
    sample_id: int
    judge: str
    grader: str
    label: str | None
    number: float | None
    explanation: str
    seconds: float | None


def read_import(path: Path, grader: str = "", columns: Sequence[str] = ()) -> list[ImportedLine]:
    """The verdicts of a CSV, of an export in JSON, of JSON lines, or of a log of Inspect.

    Args:
        path: The file.
        grader: Whose they are, where a line does not say.
        columns: Columns of which each has the verdicts of the judge that it is called; blank cells
            are none.

    Raises:
        UsageError: it is none of these, or a line is wrong.
    """
    if zipfile.is_zipfile(path):
        rows = [row for place in _log_samples(path) for row in _scores(path, *place, columns)]
    else:
        rows = list(_of_text(path, columns))
    named = [(line, {**row, "grader": row.get("grader") or grader}) for line, row in rows]
    return [_line(path, line, row) for line, row in named]


def _of_text(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.", title="No file") from error
    if not text.lstrip().startswith("{"):
        for line, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
            yield from _spread(path, line, row, columns)
        return
    try:
        whole = json.loads(text)
        if "samples" in whole and "eval" in whole:  # Inspect's log as JSON
            for number, sample in enumerate(whole["samples"], start=1):
                yield from _scores(path, number, sample, columns)
            return
        rows = whole["grades"]
    except (ValueError, KeyError, TypeError):
        rows = _json_lines(path, text)
    for line, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise _bad(path, line, "it has no keys")
        yield from _spread(path, line, row, columns)


def _json_lines(path: Path, text: str) -> list[Any]:
    try:  # not splitlines, which parts texts at characters that JSON does not escape
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except ValueError as error:
        raise UsageError(
            f"{path} is neither an export of grades nor JSON lines: {error}.", title="Bad file"
        ) from error


def _spread(path: Path, line: int, row: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Row]:
    """The line itself, or a verdict for each column that is not blank."""
    if not columns:
        yield line, row
    for column in columns:
        if column not in row:
            known = ", ".join(map(str, row))
            raise _bad(path, line, f"there is no column {column!r} (there are: {known})")
        if row[column] not in (None, ""):
            kept = {key: row[key] for key in ("sample_id", "grader") if row.get(key)}
            yield line, {**kept, "judge": column, **_verdict(row[column])}


def _log_samples(path: Path) -> Iterator[tuple[int, Any]]:
    """The samples of Inspect's log, a zip file with one JSON file for each."""
    with zipfile.ZipFile(path) as log:
        items = [item for item in log.infolist() if item.filename.startswith("samples/")]
        if not items:
            why = f"{path} is a zip file without samples/, which is no log of Inspect."
            raise UsageError(why, title="Bad file")
        for number, item in enumerate(items, start=1):
            if item.file_size > LARGEST:
                raise _bad(path, number, f"{item.filename} has over {LARGEST >> 20} MB")
            try:
                yield number, json.loads(log.read(item))
            except NotImplementedError as error:  # zstd, before Python 3.14
                why = f"{item.filename} is compressed as this Python does not read"
                raise _bad(path, number, f"{why}; `inspect log dump` writes JSON") from error
            except (ValueError, RecursionError, RuntimeError, zipfile.BadZipFile) as error:
                raise _bad(path, number, f"{item.filename} is damaged: {error}") from error


def _scores(path: Path, number: int, sample: Any, only: Sequence[str]) -> Iterator[Row]:
    """The scores of a sample of Inspect's, whose id is one of ours."""
    try:
        scored = [(name, dict(score)) for name, score in dict(sample.get("scores") or {}).items()]
    except (AttributeError, TypeError, ValueError) as error:
        raise _bad(path, number, "it is no sample of a log of Inspect") from error
    for name, score in scored:
        value = score.get("value")
        for part, said in (value if isinstance(value, dict) else {"": value}).items():
            judge = f"{name}.{part}" if part else name
            if said is not None and (not only or judge in only):
                row = {"sample_id": sample.get("id"), "judge": judge, **_verdict(said)}
                yield number, {**row, "explanation": score.get("explanation")}


def _verdict(said: Any) -> dict[str, Any]:
    """A number, or a label."""
    if isinstance(said, bool):
        return {"label": str(said).lower()}
    try:
        return {"number": float(said)}
    except (TypeError, ValueError):
        return {"label": said if isinstance(said, str) else json.dumps(said)}


def _line(path: Path, line: int, row: Mapping[str, Any]) -> ImportedLine:
    """One line: a sample with a label, a number or both.

    Raises:
        UsageError: it is none, with its line.
    """
    try:
        label, number = row.get("label"), _number(row, "number")
        if label in (None, "") and number is None:
            raise ValueError("there is neither a label nor a number")
        sample = str(row.get("sample_id") or "")
        if not sample.lstrip("-").isdecimal():
            raise ValueError(f"the sample_id is {sample!r}" if sample else "there is no sample_id")
        return ImportedLine(
            line,
            int(sample),
            str(row.get("judge") or ""),
            str(row.get("grader") or ""),
            str(label) if label not in (None, "") else None,
            number,
            str(row.get("explanation") or ""),
            _number(row, "seconds"),
        )
    except ValueError as error:
        raise _bad(path, line, str(error)) from error


def _bad(path: Path, line: int, why: str) -> UsageError:
    return UsageError(f"{path}, line {line}: {why}.", title="Bad file", hint=NEEDED)


def _number(row: Mapping[str, Any], key: str) -> float | None:
    given = row.get(key)
    if given in (None, ""):
        return None
    try:
        number = float(given)
    except (TypeError, ValueError):
        raise ValueError(f"{key} is {given!r}, which is no number") from None
    if not isfinite(number):
        raise ValueError(f"the {key} {given} is not finite")
    return number
