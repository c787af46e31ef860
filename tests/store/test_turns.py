"""Readers and a writer of one database file take turns, whichever process or thread they are in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import duckdb
import pytest

from store import ingest as ingesting
from store.connect import StoreBusy, open_for_writing, read
from store.ingest import ingest
from store.layout import StoreFiles
from tests.builders import store_home

COUNT = "select count(*) from samples"
WRITE = """
import sys
from pathlib import Path
from store.connect import StoreBusy, open_for_writing
from store.layout import StoreFiles
try:
    with open_for_writing(StoreFiles.of(Path(sys.argv[1])), patience=0.0):
        print("in")
except StoreBusy:
    print("kept out")
"""


def another_writes(files: StoreFiles) -> str:
    command = [sys.executable, "-c", WRITE, str(files.root)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_reader_keeps_writers_out_when_another_of_its_process_has_ended(
    files: StoreFiles,
) -> None:
    """With it ends the lock that DuckDB has for the whole process."""
    ingest(files)
    with read(files) as con:
        with read(files):
            assert another_writes(files) == "kept out"
        assert another_writes(files) == "kept out"
        assert con.execute(COUNT).fetchall() == [(150,)]
    assert another_writes(files) == "in"


def test_a_reader_waits_for_a_writer_of_its_own_process(files: StoreFiles) -> None:
    ingest(files)
    with (
        open_for_writing(files),
        pytest.raises(StoreBusy, match="this program"),
        read(files, patience=0.0),
    ):
        pass
    with read(files) as con:
        assert con.execute(COUNT).fetchall() == [(150,)]


def test_a_bulk_ingest_lets_readers_in(files: StoreFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two batches, and while files are read: the database is in nobody's hands."""
    monkeypatch.setattr(ingesting, "TURN_BYTES", 20_000)
    run = store_home.RUNS[1]
    for number, row in enumerate(store_home.sample_rows(run, 140)):
        store_home.write_samples(files.root, run, [row], f"L2-{number:05d}")
    seen = []
    batches = ingesting.part_rows.batches

    def between(*args: object) -> object:
        for batch in batches(*args):  # type: ignore[arg-type]
            if files.database.exists():
                with duckdb.connect(str(files.database), read_only=True) as con:
                    seen.extend(con.execute(COUNT).fetchall())
            yield batch

    monkeypatch.setattr(ingesting.part_rows, "batches", between)
    ingest(files)
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[0] < seen[-1]


def test_a_reader_without_the_right_to_write_makes_no_file(files: StoreFiles) -> None:
    ingest(files)
    files.readers_lock.unlink()
    before = sorted(files.root.rglob("*"))
    with read(replace(files, readonly=True)) as con:
        assert con.execute(COUNT).fetchall() == [(150,)]
        assert sorted(files.root.rglob("*")) == before


def test_a_killed_writer_leaves_its_turn(files: StoreFiles) -> None:
    ingest(files)
    code = WRITE.replace('print("in")', 'print("in", flush=True); sys.stdin.read()')
    command = [sys.executable, "-c", code, str(files.root)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "in\n"
        with pytest.raises(StoreBusy) as caught, read(files, patience=0.0):
            pass
        assert caught.value.pid == writer.pid
        os.kill(writer.pid, signal.SIGKILL)
    with read(files) as con:
        assert con.execute(COUNT).fetchall() == [(150,)]


def test_turns_stay_short_while_readers_come(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that came and went between two turns is known of; alone, turns grow longer."""
    turns = ingesting._Turns(files, 0.0)
    limits = []
    for number in range(6):
        with turns.opened():
            limits.append(turns.limit() // ingesting.TURN_BYTES)
        if number == 2:
            with read(files):
                pass
    assert limits == [2, 4, 4, 1, 1, 1]
    monkeypatch.setattr(ingesting, "READERS_LEAVE", 0.0)
    with turns.opened():
        assert turns.limit() == 2 * ingesting.TURN_BYTES
