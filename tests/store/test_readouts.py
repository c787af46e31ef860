"""Tokens and read-outs have parts of their own, and are as safe as samples."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from store.migrate import MIGRATIONS
from store.queries import means
from store.schema import READOUT, SAMPLE_TOKEN, in_parts
from store.verify import rebuild, verify
from tests.builders import store_home

LABELS = ("old", "new")


def write(
    root: Path, run: store_home.StoredRun, kind: str, rows: list[dict[str, Any]], name: str
) -> Path:
    schema = in_parts({"tokens": SAMPLE_TOKEN, "readouts": READOUT}[kind])
    path = root / "runs" / run.run_id / kind / f"part-{name}.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def token_rows(run: store_home.StoredRun, n: int = 10) -> list[dict[str, Any]]:
    return [
        {
            "sample_id": row["sample_id"],
            "run_id": run.run_id,
            "token_ids": [7, 8, 9, 1],
            "logprobs": [-0.5, -0.25, -0.5, -0.25],
        }
        for row in store_home.sample_rows(run, n)
    ]


def reading(
    run: store_home.StoredRun,
    order: int,
    shares: dict[str, float],
    *,
    version: int = 0,
    kind: str = "multiple_choice",
) -> list[dict[str, Any]]:
    """The rows of one prompt; `version` 1 is a later reading of it."""
    reading_id = abs(store_home.hash_of(f"{run.run_id}{order}{kind}{version}")) >> 1
    return [
        {
            "readout_id": reading_id ^ (place + 1),
            "reading_id": reading_id,
            "run_id": run.run_id,
            "experiment": store_home.EXPERIMENT,
            "model": "tiny-world",
            "arm": run.arm,
            "role": run.role,
            "seed": run.seed,
            "step": run.step,
            "prompt_id": f"{kind}{order}",
            "question": kind,
            "type": kind,
            "paraphrase": 0,
            "variant": "none",
            "ordering": order,
            "place": place,
            "label": label,
            "continuation": "AB"[place],
            "tokens": 1,
            "logprob": -1.0,
            "probability": share,
            "mass": 0.5,
            "prompt_tokens": 9,
            "engine": "made",
            "launch_id": "L1",
            "created_at": store_home.MOMENT + timedelta(seconds=version),
        }
        for place, (label, share) in enumerate(shares.items())
    ]


@pytest.fixture
def more(files: StoreFiles) -> StoreFiles:
    """The usual home, with tokens and two orders of one question in every run."""
    for run in store_home.RUNS:
        write(files.root, run, "tokens", token_rows(run), "L1-00000")
        for order, share in enumerate((run.share, run.share / 2)):
            shares = dict(zip(LABELS, (share, 1 - share), strict=True))
            write(files.root, run, "readouts", reading(run, order, shares), f"L1-0000{order}")
    return files


def rows(files: StoreFiles, sql: str) -> list[tuple[Any, ...]]:
    with read(files) as con:
        return con.execute(sql).fetchall()


def test_readers_see_them_before_and_after_ingest_alike(more: StoreFiles) -> None:
    queries = (
        "select sample_id, token_ids, logprobs from tokens order by all",
        "select * from readouts order by all",
        "select * from readout_means order by all",
    )
    before = [rows(more, query) for query in queries]
    assert [len(found) for found in before] == [150, 20, 10]
    report = ingest(more)
    assert report is not None
    assert (report.rows["sample_token"], report.rows["readout"]) == (150, 20)
    assert [rows(more, query) for query in queries] == before
    assert verify(more) == []
    rebuild(more)
    assert [rows(more, query) for query in queries] == before


def test_means_are_over_orders(more: StoreFiles) -> None:
    with read(more) as con:
        found = {(m.arm, m.seed, m.label): m for m in means(con, store_home.EXPERIMENT)}
    old = found["old", 0, "old"]
    assert old.probability == pytest.approx((0.8 + 0.4) / 2)
    assert (old.n, old.mass, old.step) == (2, 0.5, 10)
    assert found["old", 0, "new"].probability == pytest.approx(0.4)


def test_only_the_readings_of_the_experiment_are_put_in_order(more: StoreFiles) -> None:
    other = store_home.StoredRun("old", 7)
    theirs = [row | {"experiment": "other"} for row in reading(other, 0, {"x": 1.0})]
    store_home.write_run(more.root, other, 1)
    write(more.root, other, "readouts", theirs, "L1-00000")
    ingest(more)
    with read(more) as con:
        con.execute("pragma enable_profiling = 'no_output'")
        assert len(means(con, store_home.EXPERIMENT)) == 10
        told = json.loads(con.get_profiling_information("json"))
    windows = [one for one in operators(told["operator"]) if one["type"] == "WINDOW"]
    assert {one["intermediate_rows"] for one in windows} == {20}


def operators(profiled: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The steps of a query's profile, and those that feed them."""
    for one in profiled:
        yield one
        yield from operators(one.get("children", []))


def test_an_absent_token_counts_as_zero(more: StoreFiles) -> None:
    run = store_home.RUNS[1]
    for order, shares in enumerate(({"a": 0.5, "b": 0.1}, {"a": 0.3, "c": 0.2})):
        made = reading(run, order, shares, kind="next_token")
        write(more.root, run, "readouts", made, f"L2-0000{order}")
    query = "select label, probability, n from readout_means where type = 'next_token' order by 1"
    assert rows(more, query) == [
        ("a", pytest.approx(0.4), 2),
        ("b", pytest.approx(0.05), 2),
        ("c", pytest.approx(0.1), 2),
    ]


def test_the_newest_reading_of_a_prompt_counts(more: StoreFiles) -> None:
    run = store_home.RUNS[1]
    write(more.root, run, "readouts", reading(run, 0, {"x": 1.0}, version=1), "L3-00000")
    query = f"select distinct label from readouts where run_id = '{run.run_id}' and ordering = 0"
    assert rows(more, query) == [("x",)]
    ingest(more)
    assert rows(more, query) == [("x",)]
    assert verify(more) == []


def test_a_part_that_comes_twice_counts_once(more: StoreFiles) -> None:
    ingest(more)
    run = store_home.RUNS[2]
    write(more.root, run, "tokens", token_rows(run), "L9-00000")
    assert rows(more, "select count(*), count(distinct sample_id) from tokens") == [(150, 150)]
    report = ingest(more)
    assert report is not None
    assert report.rows["sample_token"] == 0


def test_a_removed_runs_are_forgotten(more: StoreFiles) -> None:
    ingest(more)
    shutil.rmtree(more.root / "runs" / store_home.RUNS[1].run_id)
    ingest(more)
    assert rows(more, "select count(*) from tokens") == [(120,)]
    assert rows(more, "select count(*) from readouts") == [(16,)]
    assert verify(more) == []


def test_a_database_from_before_is_read_and_migrated(more: StoreFiles) -> None:
    with duckdb.connect(str(more.database)) as con:
        con.execute((MIGRATIONS / "0001_base.sql").read_text())
        con.execute("create table schema_version (version integer, views varchar)")
        con.execute("insert into schema_version values (1, '')")
    assert rows(more, "select count(*) from tokens") == [(150,)]
    assert rows(more, "select count(*) from samples") == [(150,)]
    ingest(more)
    assert rows(more, "select count(*) from readouts") == [(20,)]
    assert verify(more) == []
