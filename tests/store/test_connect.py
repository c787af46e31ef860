"""Readers beside writers, stock clients, and other versions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from store.connect import StoreBusy, attached, open_for_writing, read
from store.ingest import ingest
from store.layout import StoreFiles
from store.migrate import NewerDatabase, migrations

HOLD = (
    "import sys, duckdb; con = duckdb.connect(sys.argv[1]); print('held', flush=True); "
    "sys.stdin.readline()"
)


def test_a_stock_client_finds_the_views(files: StoreFiles) -> None:
    ingest(files)
    with duckdb.connect(str(files.database), read_only=True) as con:
        assert con.execute("select count(*) from samples").fetchall() == [(150,)]
        assert con.execute("select count(*) from samples_wide where broken").fetchall() == [(0,)]
        found = con.execute(
            "select arm, sum(k), max(rate) from rates where judge = 'era' "
            "and label = '19th_century' group by arm order by arm"
        ).fetchall()
    assert [row[0] for row in found] == ["new", "old"]
    assert found[1][2] == pytest.approx(0.8)


def test_a_program_that_holds_the_file_is_named(files: StoreFiles) -> None:
    ingest(files)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(files.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(StoreBusy) as caught, read(files, patience=0.2):
            pass
        assert caught.value.pid == holder.pid
        assert caught.value.program is not None
        assert "python" in caught.value.program
    finally:
        holder.communicate("\n")
    with read(files, patience=0.2) as con:
        assert con.execute("select count(*) from samples").fetchall() == [(150,)]


def test_reading_writes_nothing(files: StoreFiles) -> None:
    with read(files) as con:
        con.execute("select count(*) from samples").fetchall()
    assert not files.database.exists()


def test_a_newer_database_is_refused(files: StoreFiles) -> None:
    ingest(files)
    with duckdb.connect(str(files.database)) as con:
        con.execute("update schema_version set version = 999")
    with pytest.raises(NewerDatabase, match="999"), read(files):
        pass
    with pytest.raises(NewerDatabase), open_for_writing(files):
        pass


@pytest.mark.parametrize("number", [0, *migrations()])
def test_every_old_version_migrates(tmp_path: Path, number: int) -> None:
    files = StoreFiles.of(tmp_path)
    with duckdb.connect(str(files.database)) as con:
        con.execute("create table schema_version (version integer, views varchar)")
        for step, path in migrations().items():
            if step <= number:
                con.execute(path.read_text())
        con.execute("insert into schema_version values (?, '')", [number])
    with open_for_writing(files) as con:
        assert con.execute("select count(*) from samples").fetchall() == [(0,)]
        assert con.execute("select version from schema_version").fetchall() == [
            (max(migrations()),)
        ]


def test_changed_views_are_laid_anew(files: StoreFiles) -> None:
    ingest(files)
    with duckdb.connect(str(files.database)) as con:
        con.execute("drop view rates")
        con.execute("update schema_version set views = 'older'")
    ingest(files)
    with duckdb.connect(str(files.database), read_only=True) as con:
        assert con.execute("select count(*) > 0 from rates").fetchall() == [(True,)]


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[], None]]:
    """Sends what Ctrl+C sends, to this process as a program gets it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


# DuckDB may give a task without end to the thread that waits for it, which then asks for signals no
# more: of two such queries one could not be stopped.
ENDLESS = "select i from range(100000000000) t(i) order by hash(i) limit 3"


@pytest.mark.parametrize("opened", [read, attached])
def test_ctrl_c_stops_a_reader_whatever_it_is_at(
    files: StoreFiles, ctrl_c: Callable[[], None], opened: Any
) -> None:
    ingest(files)
    for _ in range(6):
        begun = threading.Event()
        thread = threading.Thread(target=_after, args=(begun, ctrl_c))
        thread.start()
        with pytest.raises(KeyboardInterrupt), opened(files) as con:
            begun.set()
            con.execute(ENDLESS)
        thread.join()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with opened(files) as con:  # each was of its reader alone
        assert con.execute("select 1").fetchall() == [(1,)]


def _after(begun: threading.Event, ctrl_c: Callable[[], None]) -> None:
    begun.wait()
    ctrl_c()
