"""The console reads everything and can do nothing else."""

from __future__ import annotations

import io
import json
import resource
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from store.cancel import Cancel, Cancelled
from store.console import (
    QueryError,
    console,
    write_csv,
    write_json,
    write_parquet,
)
from store.docs import TARGET, main
from store.ingest import ingest
from store.layout import StoreFiles

ESCAPES = [
    "select * from read_csv('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from read_text('/etc/passwd')",
    "select * from glob('/*')",
    "copy samples to '{home}/out.csv'",
    "copy (select 1) to '{home}/out.csv'",
    "attach '{home}/other.duckdb'",
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "pragma enable_profiling",
    "set memory_limit = '64GB'",
    "export database '{home}/dump'",
    "create table mine (a integer)",
    "insert into sample select * from sample",
    "update home.main.sample set arm = 'x'",
    "delete from home.main.sample",
    "drop view samples",
    "call pragma_version()",
    "select 1; select 2",
    "select 1; drop view samples",
    "explain analyze copy (select 1) to '{home}/out.csv'",
    "with x as (delete from home.main.sample returning *) select * from x",
    "create table mine as pivot samples on arm using count(*)",
    "insert into sample pivot samples on arm using count(*)",
    "copy (pivot samples on arm using count(*)) to '{home}/out.csv'",
    "explain analyze copy (pivot samples on arm using count(*)) to '{home}/out.csv'",
    "with x as (delete from home.main.sample returning *) pivot x on arm using count(*)",
]
READS = [
    "pivot samples on arm using count(*) group by seed",
    "(pivot samples on arm using count(*) group by seed); -- done",
    "-- names: é\nexplain pivot samples on arm using count(*)",
    "explain analyze pivot samples on arm using count(*);",
    "with p as (pivot samples on arm using count(*)) from p",
    "unpivot (select seed, step from samples) on seed, step",
    "describe samples",
    "describe select 1 as n",
    "show tables",
    "summarize samples",
    "from samples limit 1",
    "table runs",
    "values (1), (2)",
    "with x as (select 1) select * from x",
    "explain select 1",
]


@pytest.mark.parametrize("escape", ESCAPES)
def test_nothing_gets_out(files: StoreFiles, escape: str) -> None:
    ingest(files)
    before = sorted(files.root.iterdir())
    with console(files) as con, pytest.raises(QueryError):
        list(con.run(escape.format(home=files.root)).rows())
    assert sorted(files.root.iterdir()) == before
    with console(files) as con:
        assert list(con.run("select count(*) from samples").rows()) == [(150,)]


def test_whatever_reads_may_run(files: StoreFiles) -> None:
    ingest(files)
    with console(files) as con:
        for query in READS:
            result = con.run(query)
            rows = list(result.rows())
            assert rows and all(len(row) == len(result.columns) for row in rows), query
            assert con.arrow(query).read_all().num_rows == len(rows), query


def test_what_does_not_only_read_gets_one_message(tmp_path: Path) -> None:
    with console(StoreFiles(tmp_path)) as con:
        for query in (
            "create table a (b int)",
            "create table a as pivot runs on arm using count(*)",
            "explain analyze create table a as pivot runs on arm using count(*)",
            "pragma version",
            "vacuum",
            "begin",
            "use memory",
        ):
            with pytest.raises(QueryError, match="The console only reads: SELECT"):
                con.run(query)


def test_errors_carry_the_place(files: StoreFiles) -> None:
    with console(files) as con:
        with pytest.raises(QueryError, match="LINE 2"):
            con.run("select 1\nfrom nowhere")
        with pytest.raises(QueryError, match="no"):
            con.run("  ")


def test_a_query_can_be_cancelled(files: StoreFiles) -> None:
    cancel = Cancel()
    with console(files, cancel) as con:
        started = threading.Event()

        def stop() -> None:
            started.wait()
            cancel.stop()

        thread = threading.Thread(target=stop)
        thread.start()
        endless = "select sum(a.range * b.range) from range(3000000) a, range(3000000) b"
        with pytest.raises(Cancelled):
            started.set()
            con.run(endless)
        thread.join()
        with pytest.raises(Cancelled):
            con.run("select 1")


def test_a_cancel_just_before_a_query_begins_stops_it(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = Cancel()
    with console(files, cancel) as con:
        # DuckDB forgets an interrupt while nothing runs.
        monkeypatch.setattr(cancel, "check", cancel.stop)
        with pytest.raises(Cancelled):
            con.run("select sum(a.range * b.range) from range(3000000) a, range(3000000) b")


def test_results_leave_whole(files: StoreFiles, tmp_path: Path) -> None:
    query = "select sample_id, completion, labels from samples_wide order by sample_id"
    with console(files) as con:
        text = io.StringIO()
        assert write_csv(con.run(query), text) == 150
        assert len(text.getvalue().splitlines()) == 151
        text = io.StringIO()
        assert write_json(con.run(query), text) == 150
        body = json.loads(text.getvalue())
        assert body["schema"] == 1
        assert body["columns"] == ["sample_id", "completion", "labels"]
        assert body["rows"][0][2]["broken"] == "ok"
        target = tmp_path / "out.parquet"
        assert write_parquet(con.arrow(query), str(target)) == 150
        assert pq.read_table(target).num_rows == 150


def test_views_say_what_they_are(files: StoreFiles) -> None:
    with console(files) as con:
        views = {view.name: view for view in con.tables()}
    assert set(views) >= {
        "runs",
        "samples",
        "samples_wide",
        "prompts",
        "grades",
        "rates",
        "metrics",
    }
    assert all(view.comment for view in views.values())
    assert ("arm", "VARCHAR", "") in views["samples"].columns


def test_the_page_about_sql_is_up_to_date() -> None:
    assert main(["--check"]) == 0, f"{TARGET}: run `make docs`"


def test_a_value_of_gigabytes_ends_with_a_message(files: StoreFiles) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with (
        console(files) as con,
        pytest.raises(QueryError, match="takes more memory than one may"),
    ):
        list(con.run("select repeat('x', 3000000000)").rows())
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    with console(files) as con:
        assert list(con.run("select 1").rows()) == [(1,)]
