"""Tags and notes: the newest word counts, before and after ingest, and verify agrees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from store.samples.facets import facets
from store.samples.filters import Filter
from store.samples.listing import count
from store.samples.rows import page
from store.verify import rebuild, verify
from store.waiting import seen_by_stat
from tests.builders.store_home import (
    QUESTIONS,
    RUNS,
    note_line,
    sample_rows,
    write_notes,
)

OLD = sample_rows(RUNS[1], 10)
FIRST, SECOND, THIRD = (OLD[10 * i] for i in range(len(QUESTIONS)))


@pytest.fixture(params=["waiting", "ingested", "rebuilt"])
def noted(files: StoreFiles, request: pytest.FixtureRequest) -> StoreFiles:
    """Some tags and notes, as files that wait, as rows, or as rows of a new database."""
    if request.param == "ingested":
        ingest(files)  # so that the notes come to a database that is there
    write_notes(
        files.root,
        note_line(FIRST, tag="odd"),
        note_line(FIRST, tag="bookmark"),
        note_line(FIRST, tag="gone"),
        note_line(SECOND, tag="odd"),
        note_line(FIRST, text="first thought"),
        note_line(FIRST, text="Second thought", seconds=5),
        note_line(SECOND, text="regretted"),
        note_line(SECOND, removed=True, text="", seconds=1),
    )
    write_notes(
        files.root,
        note_line(FIRST, tag="gone", author="bob", seconds=1, removed=True),  # another's
        note_line(FIRST, text="Bob's", author="bob"),
        name="notes-bob-20260102-2",
    )
    if request.param == "ingested":
        ingest(files)
    elif request.param == "rebuilt":
        rebuild(files)
    return files


def test_the_newest_word_of_a_tag_and_of_each_persons_note_counts(noted: StoreFiles) -> None:
    with read(noted) as con:
        first, second, third = page(con, [row["sample_id"] for row in (FIRST, SECOND, THIRD)])
        wide = con.execute(
            "select tags, notes from samples_wide where sample_id = ?", [FIRST["sample_id"]]
        ).fetchall()
        tags = con.execute("select tag, author from tags order by all").fetchall()
    assert (first.tags, first.notes) == (
        ["bookmark", "odd"],
        {"ada": "Second thought", "bob": "Bob's"},
    )
    assert (second.tags, second.notes) == (["odd"], {})
    assert (third.tags, third.notes) == ([], {})
    assert wide == [("bookmark odd", "ada: Second thought\nbob: Bob's")]
    assert tags == [("bookmark", "ada"), ("odd", "ada"), ("odd", "ada")]


@pytest.mark.parametrize(
    ("criteria", "number"),
    [
        (Filter(tag="odd"), 2),
        (Filter(tag="gone"), 0),
        (Filter(tag=("bookmark", "gone")), 1),
        (Filter(tag="odd", question=QUESTIONS[1]), 1),
        (Filter(note="thought second"), 1),
        (Filter(note="first"), 0),  # what was written before is not what counts
        (Filter(note="regretted"), 0),
    ],
)
def test_samples_are_found_by_tag_and_by_words_of_a_note(
    noted: StoreFiles, criteria: Filter, number: int
) -> None:
    with read(noted) as con:
        assert count(con, criteria) == number


def test_tags_are_counted_of_what_a_filter_lets_through(noted: StoreFiles) -> None:
    with read(noted) as con:
        assert facets(con, Filter()).tags == [("bookmark", 1), ("odd", 2)]
        assert facets(con, Filter(question=QUESTIONS[1])).tags == [("odd", 1)]


def test_verify_looks_at_them(noted: StoreFiles) -> None:
    assert verify(noted) == []
    path = noted.journal / "notes-ada-20260102-1.jsonl"
    lines = path.read_text().splitlines()
    changed = json.dumps({**json.loads(lines[0]), "tag": "xyz"}, separators=(", ", ": "))
    path.write_text("\n".join([changed, *lines[1:]]) + "\n")
    assert [problem.where for problem in verify(noted)] == ["note"]


def test_a_reader_that_asks_by_stat_sees_that_there_is_another(files: StoreFiles) -> None:
    ingest(files)
    before = seen_by_stat(files)
    write_notes(files.root, note_line(FIRST, tag="odd"))
    assert seen_by_stat(files) != before


def test_a_home_of_before_is_read_and_migrated(files: StoreFiles, tmp_path: Path) -> None:
    import duckdb

    ingest(files)
    with duckdb.connect(str(files.database)) as con:  # as version 5 left it
        for view in ("samples_wide", "tags", "notes"):
            con.execute(f"drop view {view}")
        for later in ("note", "held_out_row", "sample_count", "label_set"):
            con.execute(f"drop table {later}")
        con.execute("alter table grade drop column repeat_of")
        con.execute("update schema_version set version = 5, views = 'of then'")
    with read(files) as con:
        assert page(con, [FIRST["sample_id"]])[0].tags == []
    write_notes(files.root, note_line(FIRST, tag="odd"))
    with read(files) as con:
        assert page(con, [FIRST["sample_id"]])[0].tags == ["odd"]
    ingest(files)
    assert verify(files) == []
