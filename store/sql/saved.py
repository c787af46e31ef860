"""Queries to begin with, as `saved.sql` has them.

Promises: loads no DuckDB, so that a screen can offer them before anything is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

NAME = "-- name: "
FIRST = "select experiment, arm, seed, count(*) as n\nfrom samples\ngroup by all\norder by all"


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query with a name, and what it answers."""

    name: str
    answers: str
    sql: str


@cache
def saved_queries() -> tuple[SavedQuery, ...]:
    """All of them, in the order of the file."""
    text = (Path(__file__).parent / "saved.sql").read_text(encoding="utf-8")
    queries = []
    for part in text.split(NAME)[1:]:
        name, answers, sql = part.split("\n", 2)
        queries.append(SavedQuery(name, answers.removeprefix("-- "), sql.strip().rstrip(";")))
    return tuple(queries)
