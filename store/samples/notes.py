"""Tags and notes that people gave samples.

Promises: the newest word counts: of a tag whoever says it, of a note each person's own.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from store.samples.filters import literals

BOOKMARK = "bookmark"  # the tag that one key gives


def tags_of(con: duckdb.DuckDBPyConnection, here: str) -> dict[int, list[str]]:
    """Sample -> its tags in order, of the samples that a condition in SQL lets through."""
    tags: dict[int, list[str]] = {}
    for sample_id, tag in con.execute(
        f"select sample_id, tag from tags where {here} order by tag"
    ).fetchall():
        tags.setdefault(sample_id, []).append(tag)
    return tags


def notes_of(con: duckdb.DuckDBPyConnection, here: str) -> dict[int, dict[str, str]]:
    """Sample -> person -> note, of the samples that a condition in SQL lets through."""
    notes: dict[int, dict[str, str]] = {}
    for sample_id, author, text in con.execute(
        f"select sample_id, author, text from notes where {here} order by author"
    ).fetchall():
        notes.setdefault(sample_id, {})[author] = text
    return notes


def runs_and_tags(
    con: duckdb.DuckDBPyConnection, ids: Sequence[int]
) -> dict[int, tuple[str, list[str]]]:
    """Sample -> its run and its tags; ids that are gone are left out."""
    if not ids:
        return {}
    here = f"sample_id in ({literals(ids)})"
    rows = con.execute(f"select sample_id, run_id from samples where {here}").fetchall()
    tags = tags_of(con, here)
    return {sample_id: (run_id, tags.get(sample_id, [])) for sample_id, run_id in rows}


def in_use(con: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Every tag, and how many samples have it; the commonest first."""
    rows = con.execute("select tag, count(*) as n from tags group by tag order by n desc, tag")
    return [(tag, number) for tag, number in rows.fetchall()]


def written(con: duckdb.DuckDBPyConnection) -> int:
    """How many tags and notes were ever given or taken back; equal while they are the same."""
    return int(con.execute("select count(*) from note").fetchall()[0][0])
