"""What opening costs a process that has opened before: counted in calls, not in time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from store import ingest as ingesting
from store import parts, waiting
from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from tests.builders import store_home

COUNT = "select count(*) from samples"
VIEWS = "select count(*) from duckdb_views() where not internal and database_name = 'laid_over'"


def add(files: StoreFiles, name: str = "L2-0", draw: int = 10) -> Path:
    """One sample more, in a part of its own; returns its folder."""
    run = store_home.RUNS[1]
    row = store_home.sample_rows(run, draw + 1)[-1]
    store_home.write_samples(files.root, run, [row], name)
    return files.runs / run.run_id / "samples"


def age(files: StoreFiles) -> None:
    """Let everything have been as it is for a while."""
    then = time.time() - 10
    for path in (files.database, *(p for p in files.root.rglob("*") if p.is_dir())):
        if path.exists():
            os.utime(path, (then, then))


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch, of: Any, name: str) -> Iterator[list[str]]:
    """Notes the first argument of every call of a function."""
    calls: list[str] = []
    real: Callable[..., Any] = getattr(of, name)

    def noted(*args: Any, **kwargs: Any) -> Any:
        calls.append(str(args[0]))
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(of, name, noted)
        yield calls


def count(files: StoreFiles) -> int:
    with read(files) as con:
        return int(con.execute(COUNT).fetchall()[0][0])


def test_what_has_not_changed_is_neither_listed_nor_read_again(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(files)
    age(files)
    assert count(files) == 150
    with (
        counted(monkeypatch, os, "listdir") as listed,
        counted(monkeypatch, waiting, "manifest_of") as manifests,
    ):
        assert count(files) == 150
        assert (listed, manifests) == ([], [])
        folder = add(files)
        assert count(files) == 151
        assert (listed, manifests) == ([str(folder)], [])
        ingest(files)
        assert count(files) == 151
        assert len(manifests) == 1


def test_a_folder_that_has_just_changed_is_not_trusted(files: StoreFiles) -> None:
    """A clock that ticks slowly gives two changes one time."""
    ingest(files)
    folder = add(files, "L2-0", 10)
    now = folder.stat().st_mtime_ns
    assert count(files) == 151
    add(files, "L2-1", 11)
    os.utime(folder, ns=(now, now))
    assert count(files) == 152


def test_a_folder_that_is_gone_is_forgotten(files: StoreFiles) -> None:
    age(files)
    before = {part.name for part in parts.scan(files)}
    gone = store_home.RUNS[2].run_id
    (files.runs / gone).rename(files.root / "elsewhere")
    after = {part.name for part in parts.scan(files)}
    assert after == {name for name in before if f"/{gone}/" not in name} != before


def test_a_database_that_another_made_is_read_anew(files: StoreFiles) -> None:
    ingest(files)
    age(files)
    assert count(files) == 150
    with duckdb.connect(str(files.database)) as con:
        con.execute("delete from ingested_part where name like '%/samples/%'")
        con.execute("delete from sample")
    assert count(files) == 150  # its parts wait again


def test_views_of_ours_in_the_database_are_not_made_again(files: StoreFiles) -> None:
    ingest(files)
    with read(files) as con:
        assert con.execute(VIEWS).fetchall() == [(0,)]
        mine = con.execute("select * from rates order by all").fetchall()
    with duckdb.connect(str(files.database)) as con:
        con.execute("update schema_version set views = 'older'")
        con.execute("create or replace view samples as select * from sample limit 1")
    with read(files) as con:
        assert con.execute(VIEWS).fetchall() != [(0,)]
        assert con.execute(COUNT).fetchall() == [(150,)]
        assert con.execute("select * from rates order by all").fetchall() == mine


def test_an_ingest_keeps_readers_out_once_for_each_batch(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(files)
    add(files)
    with counted(monkeypatch, ingesting, "open_for_writing") as turns:
        ingest(files)
        assert len(turns) == 1
        ingest(files)
        assert len(turns) == 1
