"""What waits in bulk is ingested by the first reader that may, once for all that follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from store.connect import read
from store.ingest import ingest, ingest_lock
from store.layout import StoreFiles
from tests.builders import store_home

EVERY = "from samples order by sample_id"
LAID_OVER = "select count(*) from duckdb_tables() where table_name like 'loaded_%'"


def leave_much(files: StoreFiles, batch: int = 0) -> None:
    """Seventy parts of a sample each: more than a reader reads for itself."""
    run = store_home.RUNS[1]
    rows = [row for row in store_home.sample_rows(run, 70) if row["draw"] >= 10][70 * batch :]
    for number, row in enumerate(rows[:70]):
        store_home.write_samples(files.root, run, [row], f"L2-{batch}{number:04d}")


def in_database(files: StoreFiles) -> int:
    with duckdb.connect(str(files.database), read_only=True) as con:
        return int(con.execute("select count(*) from samples").fetchall()[0][0])


def everything(files: StoreFiles) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in files.root.rglob("*") if path.is_file()}


def test_the_first_reader_ingests_for_all(files: StoreFiles) -> None:
    leave_much(files)
    with read(replace(files, readonly=True)) as con:
        laid_over = con.execute(EVERY).fetchall()
    with read(files) as con:
        assert con.execute(EVERY).fetchall() == laid_over
        assert con.execute(LAID_OVER).fetchall() == [(0,)]
    assert in_database(files) == len(laid_over) == 150 + 70


def test_a_little_is_laid_over_and_nothing_written(files: StoreFiles) -> None:
    before = everything(files)
    with read(files) as con:
        assert con.execute("select count(*) from samples").fetchall() == [(150,)]
        assert con.execute(LAID_OVER).fetchall() != [(0,)]
    assert everything(files) == before


def test_under_readonly_nothing_is_written(files: StoreFiles) -> None:
    leave_much(files)
    before = everything(files)
    with read(replace(files, readonly=True)) as con:
        assert con.execute("select count(*) from samples").fetchall() == [(220,)]
    assert everything(files) == before


@contextmanager
def _another_reader(files: StoreFiles) -> Iterator[None]:
    with duckdb.connect(str(files.database), read_only=True):
        yield


@contextmanager
def _no_right_to_write(files: StoreFiles) -> Iterator[None]:
    files.ingest_lock.unlink()
    files.ingest_lock.mkdir()  # root may write anywhere, but not open a folder as a file
    yield


@pytest.mark.parametrize("held", [ingest_lock, _another_reader, _no_right_to_write])
def test_what_is_in_the_way_is_not_waited_for(files: StoreFiles, held: Any) -> None:
    ingest(files)
    leave_much(files)
    with held(files), read(files) as con:
        assert con.execute("select count(*) from samples").fetchall() == [(220,)]
        assert con.execute(LAID_OVER).fetchall() != [(0,)]
    assert in_database(files) == 150


def test_what_cannot_be_taken_in_is_not_tried_by_every_reader(files: StoreFiles) -> None:
    folder = files.runs / store_home.RUNS[1].run_id / "samples"
    for number in range(70):
        (folder / f"part-L9-{number:05d}.parquet").write_bytes(b"PAR1 no")
    for batch, ingested in ((0, 220), (1, 220)):
        leave_much(files, batch)
        with read(files) as con:
            wanted = [(150 + 70 * (batch + 1),)]
            assert con.execute("select count(*) from samples").fetchall() == wanted
        assert in_database(files) == ingested
