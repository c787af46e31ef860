"""What is wrong with a query, and where: DuckDB's errors, taken apart.

Promises: the place is counted in characters of the text as it was written, whatever bytes they
take; DuckDB's own words stay as they are,
but for its guesses of the name that was meant.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from store.cancel import Cancelled

DID_YOU_MEAN = re.compile(r"\nDid you mean .*")
TOO_MUCH = "The query takes more memory than one may: select less, or fewer columns at a time."
EXCERPT = 72  # characters of a line that are shown
TABLE = "table"
FUNCTION = "function"
COLUMN = "column"
WORD = "word"
TYPE = "type"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a query: line and column from 0, and how many characters."""

    line: int
    column: int
    width: int


class QueryError(Exception):
    """The SQL is wrong, or does what a console may not.

    Attributes:
        what: DuckDB's message without the place.
        place: Where the mistake is, if DuckDB knows.
        word: What stands there, if it is one name.
        kind: What the word should have been: a table, function, column, type or word of SQL.
        candidates: Names that DuckDB holds for likely.
    """

    def __init__(
        self,
        what: str,
        *,
        query: str = "",
        place: Place | None = None,
        word: str = "",
        kind: str = "",
        candidates: tuple[str, ...] = (),
    ) -> None:
        super().__init__(what if place is None else f"{what}\n\n{pointed_at(query, place)}")
        self.what = what
        self.place = place
        self.word = word
        self.kind = kind
        self.candidates = candidates


@contextmanager
def in_words(query: str = "") -> Iterator[None]:
    """Turn DuckDB's errors into ours.

    Raises:
        Cancelled: the query was interrupted.
        QueryError: whatever else DuckDB says.
    """
    try:
        yield
    except duckdb.InterruptException as error:
        raise Cancelled("The query was cancelled.") from error
    except MemoryError as error:
        raise QueryError(TOO_MUCH) from error
    except duckdb.OutOfMemoryException as error:
        raise QueryError(
            f"{TOO_MUCH} ({_taken_apart(str(error), query).what.splitlines()[0]})"
        ) from error
    except duckdb.Error as error:
        raise _taken_apart(str(error), query) from error


def _taken_apart(text: str, query: str) -> QueryError:
    """The error in a message that `errors_as_json` made; or the message as it is."""
    start = text.find("{")
    try:
        told = json.loads(text[start:]) if start >= 0 else None
    except ValueError:
        told = None
    if not isinstance(told, dict) or "exception_message" not in told:
        return QueryError(text)
    # What it takes for near is said once, by whoever knows all names: DuckDB offers its own tables.
    said = DID_YOU_MEAN.sub("", str(told["exception_message"])).rstrip()
    what = f"{told.get('exception_type', 'SQL')} Error: {said}"
    if "read-only mode" in what:
        what = "The console only reads, and this changes the database."
    place = _place(query, str(told.get("location", "")))
    if place is None:
        return QueryError(what)
    line = query.split("\n")[place.line]
    there = line[place.column : place.column + place.width]
    candidates = str(told.get("candidates", "")).split(",")
    word = str(told.get("name") or there).rpartition(".")[2]
    kind = _kind(told)
    if kind and (at := there.lower().find(word.lower())) >= 0:  # not what it stands in: `s.word`
        place = Place(place.line, place.column + at, len(word))
    return QueryError(
        what,
        query=query,
        place=place,
        word=word,
        kind=kind,
        candidates=tuple(filter(None, candidates)) if kind else (),
    )


def _kind(told: dict[str, str]) -> str:
    """What the word at the place should have been."""
    kind = told.get("type", "").lower()
    if kind.endswith("function"):
        return FUNCTION
    if kind in (TABLE, TYPE):
        return kind
    if told.get("exception_type") == "Parser":
        return WORD
    missing = told.get("error_subtype") == "COLUMN_NOT_FOUND"
    missing = missing or "does not have a column named" in told["exception_message"]
    return COLUMN if missing else ""


def _place(query: str, location: str) -> Place | None:
    """The place that DuckDB gives as `[first byte, bytes]`."""
    try:
        first, length = (int(part) for part in location.strip("[]").split(","))
    except ValueError:
        return None
    data = query.encode("utf-8", "replace")
    if not 0 <= first <= len(data):
        return None
    before = data[:first].decode("utf-8", "replace")
    there = data[first : first + length].decode("utf-8", "replace").split("\n")[0]
    line = before.count("\n")
    return Place(line, len(before) - before.rfind("\n") - 1, max(len(there), 1))


def pointed_at(query: str, place: Place) -> str:
    """The line of the query with carets under the place, cut to what a terminal holds."""
    line = query.split("\n")[place.line].replace("\t", " ")
    first = max(place.column - EXCERPT // 2, 0) if len(line) > EXCERPT else 0
    cut = line[first : first + EXCERPT]
    head = f"LINE {place.line + 1}: {'…' if first else ''}"
    tail = "…" if first + EXCERPT < len(line) else ""
    under = cells(head + cut[: place.column - first])
    there = cells(cut[place.column - first : place.column - first + place.width])
    return f"{head}{cut}{tail}\n{' ' * under}{'^' * max(there, 1)}"


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(
        0
        if unicodedata.combining(character)
        else 2
        if unicodedata.east_asian_width(character) in "WF"
        else 1
        for character in text
    )
