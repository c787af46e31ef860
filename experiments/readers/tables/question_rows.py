"""Questions out of a table: an entry with `file:` becomes a question for each of its rows.

Promises: the file is JSONL, a JSON array, CSV, TSV, Parquet or Python of the definition's folder;
which columns are read is written in the entry, and nothing is guessed; a row that lacks one is
named with its line; where rows are chosen, the seed alone chooses them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError

from experiments.errors import DefinitionError, Problem
from experiments.readers.containers import Raw, read_raw_rows
from experiments.readers.mixture import chosen_of
from experiments.readers.tables.python_lists import ENDING, read_python_list
from experiments.schema.base import Model
from experiments.sources import Sources
from experiments.suggest import did_you_mean
from experiments.yaml_source import KeyPath

TABLES = "**/*.[jctp]*"
MOST = 5  # problems named at once
EXAMPLE = "file: {path: data/questions.csv, text: Question, answer: Best Answer}"
FILLED = (
    "paraphrases",
    "messages",
    "options",
    "answer",
)


class QuestionFile(Model):
    """Which file, and which of its columns say what.

    Attributes:
        path: The file, relative to the definition's folder.
        text: The column with the question; a list of texts is several wordings.
        answer: The column with what is right.
        wrong: The column with the other options of a multiple_choice question.
        split: What parts several texts in one cell.
        name: The column that names the question; its number in the file where there is none.
        rows: Take so many.
        sample: Seed that chooses which.
        variable: Of a Python file, which list; the only one where it is not said.
    """

    path: str
    text: str
    answer: str | None = None
    wrong: str | None = None
    split: str | None = Field(default=None, min_length=1)
    name: str | None = None
    rows: PositiveInt | None = None
    sample: NonNegativeInt = 0
    variable: str | None = Field(default=None, min_length=1)


def spread_questions(value: dict[str, Any], sources: Sources) -> None:
    """Put a question for each row in the place of every entry that has a `file`.

    Args:
        value: The definition as it was read; its questions are replaced.
        sources: Learns where each question comes from.

    Raises:
        DefinitionError: an entry or a row that gives no question.
    """
    entries = value.get("questions")
    if not isinstance(entries, list) or not any(_has_file(entry) for entry in entries):
        return
    placed = []
    for index, entry in enumerate(entries):
        path: KeyPath = ("questions", index)
        asked = _of_file(entry, path, sources) if _has_file(entry) else [entry]
        placed += [(question, sources.place(path)) for question in asked]
    for index, (_, place) in enumerate(placed):
        sources.elsewhere["questions", index] = place
    value["questions"] = [question for question, _ in placed]


def _has_file(entry: Any) -> bool:
    return isinstance(entry, dict) and "file" in entry


def _of_file(entry: dict[str, Any], path: KeyPath, sources: Sources) -> list[dict[str, Any]]:
    """The questions of an entry's file."""
    for key in FILLED:
        if key in entry:
            why = f"{key} comes from the rows of the file."
            raise DefinitionError(sources.problem((*path, key), why, "Leave it out."))
    try:
        spec = QuestionFile.model_validate(entry["file"])
    except ValidationError as error:
        # A misspelled key says what to write, and the one it stands for is then missing too.
        wrong = error.errors()
        first = next((item for item in wrong if item["type"] == "extra_forbidden"), wrong[0])
        known = list(QuestionFile.model_fields)
        key = str(first["loc"][0]) if first["loc"] else ""
        hint = did_you_mean(key, known) if first["type"] == "extra_forbidden" else ""
        hint = EXAMPLE if first["type"] in ("missing", "model_type") else hint
        place = (*path, "file", *([key] if key else []))
        raise DefinitionError(sources.problem(place, _why(first, key), hint)) from error
    file = sources.file(spec.path, (*path, "file", "path"), "a table of questions", TABLES)
    rest = {key: inner for key, inner in entry.items() if key != "file"}
    problems: list[Problem] = []
    asked = []
    for number, raw in enumerate(_taken(spec, file, path, sources), start=1):
        try:
            asked.append({**rest, **_question(spec, rest, raw, number)})
        except _NotAQuestion as error:
            problems.append(Problem(str(error), error.hint, file, raw.line))
    if problems:
        raise DefinitionError(*_each_once(problems, file))
    return asked


def _each_once(problems: list[Problem], file: Path) -> list[Problem]:
    """Each thing that is wrong with its first row, and how many rows have it; not too many."""
    by_words: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        by_words.setdefault((problem.message, problem.hint), []).append(problem)
    told = []
    for alike in list(by_words.values())[:MOST]:
        rows = f" ({len(alike):,} rows)." if len(alike) > 1 else "."
        message = f"{alike[0].message.rstrip('.')}{rows}"
        told.append(replace(alike[0], message=message, count=len(alike)))
    if len(by_words) > MOST:
        left = sum(map(len, list(by_words.values())[MOST:]))
        told.append(Problem(f"{left:,} more rows are wrong.", "", file, count=left))
    return told


def _why(first: Any, key: str) -> str:
    if first["type"] == "extra_forbidden":
        return f"Unknown key {key!r}."
    if first["type"] == "missing":
        return f"The key {key!r} is missing: which column of the file is it?"
    said = str(first["msg"]).replace("Input should", "This should", 1)
    return f"{said}." if key else "A file of questions is a mapping of its columns."


class _NotAQuestion(Exception):
    """A row that gives no question."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


def _taken(spec: QuestionFile, file: Path, path: KeyPath, sources: Sources) -> Iterator[Raw]:
    """The rows that are wanted."""
    python = file.suffix == ENDING
    if spec.variable is not None and not python:
        why = f"{spec.path!r} is no Python file, so it has no variable."
        raise DefinitionError(sources.problem((*path, "file", "variable"), why, "Leave it out."))
    listed: list[Raw] = []
    if python:
        listed, told = read_python_list(file, spec.variable)
        sources.said += told
    count = len(listed) if python else sum(1 for _ in read_raw_rows(file, values=False))
    wanted = count if spec.rows is None else spec.rows
    if wanted > count or not count:
        rows = "row" if count == 1 else "rows"
        why = f"{spec.path!r} has {count:,} {rows}" + (f", not {wanted:,}." if count else ".")
        raise DefinitionError(sources.problem((*path, "file", "rows"), why))
    places = frozenset(chosen_of(count, wanted, spec.sample))
    taken = listed if python else read_raw_rows(file)
    return (raw for place, raw in enumerate(taken) if place in places)


def _question(spec: QuestionFile, rest: dict[str, Any], raw: Raw, number: int) -> dict[str, Any]:
    if raw.wrong:
        raise _NotAQuestion(raw.wrong, raw.hint)
    if not isinstance(raw.value, dict):
        raise _NotAQuestion("A row of questions is an object.")
    label = str(number) if spec.name is None else _texts(raw.value, spec.name, None)[0]
    base = rest.get("name")
    question: dict[str, Any] = {
        "name": label if base is None else f"{base}-{label}",
        "paraphrases": _texts(raw.value, spec.text, None),
    }
    right = [] if spec.answer is None else _texts(raw.value, spec.answer, spec.split)
    if rest.get("type") == "multiple_choice":
        wrong = [] if spec.wrong is None else _texts(raw.value, spec.wrong, spec.split)
        options = [*right[:1], *(text for text in dict.fromkeys(wrong) if text not in right)]
        if not right or len(options) < 2:
            why = "A multiple_choice question needs an answer and another option."
            raise _NotAQuestion(why, "file: {…, answer: COLUMN, wrong: COLUMN}")
        if len(options) > len(ascii_uppercase):
            raise _NotAQuestion(f"{len(options)} options are more than there are letters.")
        question["options"] = dict(zip(ascii_uppercase, options, strict=False))
        question["answer"] = ascii_uppercase[0]
    elif right:
        question["answer"] = right[0] if len(right) == 1 else right
    return question


def _texts(row: dict[str, Any], column: str, split: str | None) -> list[str]:
    """What stands in a column: texts, none of them empty."""
    if column not in row:
        raise _NotAQuestion(f"The row has no {column!r}, or nothing in it.", _near(column, row))
    given = row[column]
    cells = given if isinstance(given, list) else [given]
    if split is not None:
        cells = [part for cell in cells for part in str(cell).split(split)]
    texts = [str(cell).strip() if isinstance(cell, str | int | float) else "" for cell in cells]
    texts = [text for text in texts if text] if split is not None else texts
    if not texts or not all(texts):
        empty = all(isinstance(cell, str) for cell in cells)
        raise _NotAQuestion(f"{column!r} of the row is {'empty' if empty else 'no text'}.")
    return texts


def _near(column: str, row: dict[str, Any]) -> str:
    """What the row has instead: a column of that name, or one cell where a table has several."""
    (only, *others) = [*row] or [""]
    if not others and (mark := next((mark for mark in ";|\t" if mark in only), "")):
        return f"Its cells are parted by {mark!r}: write commas in .csv, or tabs in .tsv."
    return did_you_mean(column, list(row))
