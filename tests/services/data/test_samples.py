"""Searches that are stopped, and patterns that cannot be read."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.cancel import Cancel, Cancelled
from store.connect import Connection, read
from store.ingest import ingest
from store.layout import StoreFiles
from store.samples import memory
from tests.builders import store_home
from wgen_tui.errors import UsageError, WgenError
from wgen_tui.paths import Home
from wgen_tui.services.data import samples
from wgen_tui.services.data.samples import filter_of
from wgen_tui.services.grading.read_ahead import ReadAhead

ENDLESS = "select count(*) from range(1000000000000) r(i) where hash(i) = 1"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home of 150 samples."""
    return Home(store_home.write_home(tmp_path / "home"))


def test_a_query_is_stopped_while_it_runs(home: Home) -> None:
    cancel = Cancel()
    with read(StoreFiles.of(home.root)) as con:
        threading.Timer(0.2, cancel.stop).start()
        with pytest.raises(Cancelled), cancel.watching(con):
            con.execute(ENDLESS).fetchall()


def test_a_search_that_is_stopped_does_not_begin(home: Home) -> None:
    cancel = Cancel()
    cancel.stop()
    with pytest.raises(WgenError, match="cancelled"):
        samples.search(home, filter_of({"text": "coach"}), cancel=cancel)


def test_stopping_afterwards_stops_nothing(home: Home) -> None:
    cancel = Cancel()
    listing = samples.search(home, filter_of({"text": "mail coach"}), cancel=cancel)
    cancel.stop()
    assert len(samples.page(home, listing, 0, 100)) == len(listing) == 45


def test_between_reads_nothing_holds_the_database(home: Home) -> None:
    """A list, a search and a grading session are open; a stock client writes at once."""
    files = StoreFiles.of(home.root)
    ingest(files)
    listing = samples.search(home, filter_of({}), snapshot=True)
    first = samples.first(home, filter_of({"text": "coach"}), 3)
    assert len(samples.page(home, listing, 0, 10)) == 10
    ahead = ReadAhead(home)
    row = samples.page(home, first, 0, 1)[0]
    ahead.fetch([row.sample_id])
    assert ahead.reading is not None
    ahead.reading.result(30)
    code = (
        f"import duckdb; duckdb.connect({str(files.database)!r}).execute('create table x(i int)')"
    )
    write = [sys.executable, "-c", code]
    with read(files):
        held = subprocess.run(write, capture_output=True, text=True, check=False)
    assert "lock" in held.stderr.lower()
    assert subprocess.run(write, capture_output=True, check=False).returncode == 0
    assert ahead.take(row.sample_id) == samples.detail(home, row.sample_id)


def test_what_a_reader_does_not_hold_goes_beside_the_database_and_is_gone_afterwards(
    home: Home,
) -> None:
    many = "select i::varchar || repeat('x', 60) as text, count(*) from range(1500000) r(i)"
    with read(StoreFiles.of(home.root)) as con:
        memory.bound(con, home.root, memory.LIMITS[-1])
        counted = con.execute(f"select count(*) from ({many} group by all order by all)")
        assert counted.fetchall() == [(1_500_000,)]
        assert len(list(home.root.glob(f"{memory.SPILL}*"))) == 1
    assert not list(home.root.glob(f"{memory.SPILL}*"))


def test_a_bad_pattern_is_the_users(home: Home) -> None:
    for use in (samples.search, samples.count, samples.facets):
        with pytest.raises(UsageError, match="no regular expression"):
            use(home, filter_of({"text": "/(/"}))


@pytest.mark.parametrize("fields", [{}, {"text": "coach"}])
def test_a_list_and_its_first_page_cost_one_opening(
    home: Home, fields: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    openings = 0
    reading = samples.reading

    @contextmanager
    def counted(home: Home) -> Iterator[Connection]:
        nonlocal openings
        openings += 1
        with reading(home) as con:
            yield con

    monkeypatch.setattr(samples, "reading", counted)
    criteria = filter_of(fields)
    listing = samples.search(home, criteria, snapshot=True, ahead=(0, 100))
    rows = samples.page(home, listing, 0, min(100, len(listing)))
    assert (openings, len(rows)) == (1, min(100, len(listing)))
    assert samples.page(home, listing, 0, 100) == rows  # read again: it may have other grades now
    assert openings == 2
    begun = samples.first(home, criteria, 30, ahead=(0, 20))
    assert samples.page(home, begun, 0, 20) == rows[:20]
    assert openings == 3
    assert samples.page(home, begun, 5, 20) == rows[5:25]
    assert openings == 4


def test_what_stat_says_changes_with_samples_and_grades(home: Home) -> None:
    files = StoreFiles.of(home.root)
    run = store_home.RUNS[1]
    before = samples.seen(home)
    assert samples.seen(home) == before
    with (home.run(run.run_id).metrics).open("a") as stream:
        stream.write("\n")
    assert samples.seen(home) == before
    rows = store_home.sample_rows(run, 11)
    store_home.write_samples(files.root, run, rows[-1:], "L2-0")
    waits = samples.seen(home)
    assert waits != before
    ingest(files)
    ingested = samples.seen(home)
    assert ingested not in (before, waits)
    verdict = store_home.grade_line(rows[0], "era", "old", "human:ada")
    (files.journal / "grades-ada-1.jsonl").write_text(verdict)
    assert samples.seen(home) != ingested
