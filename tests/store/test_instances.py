"""Readers one after another share an instance of DuckDB, and know nothing of each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from store.connect import StoreBroken, attached, open_for_writing, read
from store.console import QueryError, console
from store.database import instances
from store.database.instances import lent
from store.ingest import ingest
from store.layout import StoreFiles
from store.samples import memory
from store.samples.export import exporting
from store.samples.filters import Filter
from store.verify import verify
from tests.builders import store_home

COUNT = "select count(*) from samples"
SETTINGS = "select name, value from duckdb_settings() order by all"
DATABASES = "select database_name from duckdb_databases() order by all"
HELD = "select sum(memory_usage_bytes) < 1_000_000 from duckdb_memory()"
NAMED = "select count(*) from duckdb_tables() union all select count(*) from duckdb_views()"


def seen(con: duckdb.DuckDBPyConnection) -> list[Any]:
    """What one reader could leave for another."""
    asked = (SETTINGS, DATABASES, NAMED, "from duckdb_prepared_statements()")
    return [con.execute(query).fetchall() for query in asked]


@pytest.fixture
def as_new(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What nobody has read with before; none is kept of a time whose zone was another."""
    monkeypatch.setattr(instances, "_kept", None)
    with duckdb.connect(":memory:") as instance:
        instance.execute("set autoinstall_known_extensions = false")
        return seen(instance.cursor())


def opened_files(files: StoreFiles) -> list[str]:
    """The database's files that this process has open."""
    found = []
    for name in Path("/proc/self/fd").iterdir():
        try:
            path = str(name.readlink())
        except FileNotFoundError:  # that of the folder itself
            continue
        found += [path] if path.startswith(str(files.database)) else []
    return found


@contextmanager
def counted_instances(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Notes each instance that is made."""
    made: list[Any] = []
    real = duckdb.connect

    def noted(*args: Any, **kwargs: Any) -> duckdb.DuckDBPyConnection:
        made.append(args)
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(duckdb, "connect", noted)
        yield made


def plainly(files: StoreFiles) -> None:
    with read(files) as con:
        con.execute("set TimeZone = 'Asia/Tokyo'")
        con.execute("create temp table mine as select 1 as one")
        con.execute("prepare again as from mine")


def half_way(files: StoreFiles) -> None:
    with read(files) as con:
        con.execute("from samples order by all").fetchone()


def in_a_transaction(files: StoreFiles) -> None:
    with read(files) as con:
        con.execute("begin")
        con.execute(COUNT).fetchall()


def in_little_memory(files: StoreFiles) -> None:
    with read(files) as con:
        memory.bound(con, files.root, memory.LIMITS[0])
        con.execute("from samples").fetchall()


def spilling(files: StoreFiles) -> None:
    with read(files) as con:
        memory.bound(con, files.root, memory.LIMITS[0])
        con.execute("create temp table much as select i, hash(i)::varchar from range(1000000) t(i)")
        assert list(files.root.glob(f"{memory.SPILL}*"))


def exported(files: StoreFiles) -> None:
    with read(files) as con, exporting(con, Filter(), files.root) as export:
        export.parquet(files.root / "samples.parquet")


def attaching(files: StoreFiles) -> None:
    with attached(files) as con:
        con.execute("from home.main.sample").fetchall()


def verifying(files: StoreFiles) -> None:
    assert verify(files) == []


def naming(files: StoreFiles) -> None:
    with read(files) as con:
        con.execute("create table memory.main.mine as select 1 as one")
    with read(files) as con:
        con.execute("create view memory.main.mine as select 1 as one")


def laid_over(files: StoreFiles) -> None:
    run = store_home.RUNS[1]
    store_home.write_samples(files.root, run, store_home.sample_rows(run, 11)[-1:], "L2-0")
    with read(files) as con:
        assert con.execute(COUNT).fetchall() == [(151,)]


def many_in_place(files: StoreFiles) -> None:
    run = store_home.RUNS[1]
    rows = store_home.sample_rows(run, 40)
    for number in range(70):
        store_home.write_samples(files.root, run, rows[number : number + 60 : 7], f"L2-{number:05}")
    with read(replace(files, readonly=True)) as con:
        con.execute("from samples").fetchall()
        assert con.execute("select current_setting('allowed_paths') <> []").fetchall() == [(True,)]


def asking(files: StoreFiles) -> None:
    with console(files) as con:
        list(con.run("from samples").rows())


def failing(files: StoreFiles) -> None:
    with pytest.raises(ZeroDivisionError), read(files) as con:
        con.execute("from samples")
        raise ZeroDivisionError


def refused(files: StoreFiles) -> None:
    kept = files.database.rename(files.root / "kept")
    files.database.write_bytes(b"x" * 10_000)
    with pytest.raises(StoreBroken, match=str(files.database)), read(files):
        pass
    kept.replace(files.database)


KINDS = [plainly, half_way, in_a_transaction, in_little_memory, spilling, exported, attaching]
KINDS += [verifying, naming, laid_over, many_in_place, asking, failing, refused]


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_reader_finds_an_instance_as_new(
    files: StoreFiles, as_new: list[Any], kind: Callable[[StoreFiles], None]
) -> None:
    ingest(files)
    kind(files)
    assert not opened_files(files)
    assert not list(files.root.glob(f"{memory.SPILL}*"))
    with lent() as con:
        left = seen(con)
        assert set(left[0]) ^ set(as_new[0]) == set()
        assert left == as_new
        assert con.execute(HELD).fetchall() == [(True,)]
    with open_for_writing(files, patience=0.0):  # nobody has it
        pass


def test_one_after_another_have_the_same_instance(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(files)
    plainly(files)
    with counted_instances(monkeypatch) as made:
        for kind in (plainly, in_little_memory, attaching, verifying, failing, laid_over):
            kind(files)
        assert made == []
        asking(files)  # its access cannot be opened again
        assert made == []
        plainly(files)
        assert len(made) == 1


def test_at_once_each_has_one_of_its_own(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no limit, no name and no interrupt of one reaches another."""
    ingest(files)
    plainly(files)
    with counted_instances(monkeypatch) as made:
        with read(files) as one, read(files) as other:
            memory.bound(one, files.root, memory.LIMITS[0])
            limit = "select current_setting('memory_limit'), current_setting('threads')"
            assert one.execute(limit).fetchall() != other.execute(limit).fetchall()
            interrupting = threading.Thread(target=one.interrupt)
            interrupting.start()
            assert other.execute(COUNT).fetchall() == [(150,)]
            interrupting.join()
        assert len(made) == 1
        with read(files), read(files):
            pass
        assert len(made) == 2  # one is kept, no more


def test_homes_in_one_process_are_not_mixed_up(files: StoreFiles, tmp_path: Path) -> None:
    other = StoreFiles.of(store_home.write_home(tmp_path / "other", n=2))
    homes = [(files, 150), (other, 30), (StoreFiles.of(tmp_path / "empty"), 0)]
    for home, _ in homes[:2]:
        ingest(home)
    for home, number in [*homes, *homes[::-1]]:
        with read(home) as con:
            assert con.execute(COUNT).fetchall() == [(number,)]
    with ExitStack() as stack:
        for home, number in homes:
            con = stack.enter_context(read(home))
            assert con.execute(COUNT).fetchall() == [(number,)]


def test_a_database_in_the_place_of_another_is_seen(files: StoreFiles, tmp_path: Path) -> None:
    other = StoreFiles.of(store_home.write_home(tmp_path / "other", n=2))
    for home in (files, other):
        ingest(home)
    stored = "select count(*) from home.main.sample"
    with read(files) as con:
        assert con.execute(stored).fetchall() == [(150,)]
    other.database.replace(files.database)
    with read(files) as con:
        assert con.execute(stored).fetchall() == [(30,)]


def test_what_a_console_may_not_do_it_may_not_behind_a_reader(files: StoreFiles) -> None:
    """Nor is a reader held to what a console may do."""
    ingest(files)
    secret = files.root / "secret.csv"
    secret.write_text("a\n1\n")
    many_in_place(files)  # may read files, and names some
    for _ in range(2):
        only_read = replace(files, readonly=True)
        with console(only_read) as asked, pytest.raises(QueryError, match="disabled"):
            list(asked.run(f"from read_csv('{secret}')").rows())
        with read(only_read) as con:
            assert con.execute(f"from read_csv('{secret}')").fetchall() == [(1,)]
