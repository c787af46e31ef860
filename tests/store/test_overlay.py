"""What waits to be ingested is read as it will be when it is."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.parquet as pq

from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from tests.builders import store_home

LEFT_IN_PLACE = "select count(*) from duckdb_views() where sql like '%read_parquet%'"


def test_many_parts_that_wait_are_left_in_place(files: StoreFiles) -> None:
    ingest(files)
    run = store_home.RUNS[1]
    rows = store_home.sample_rows(run, 40)  # ten a question are there already
    for number in range(70):
        some = rows[number : number + 60 : 7] if number % 9 else rows[:3]
        store_home.write_samples(files.root, run, some, f"L2-{number:05d}")
    (files.runs / run.run_id / "samples" / "part-L3-00000.parquet").write_bytes(b"PAR1 no")
    with read(replace(files, readonly=True)) as con:
        waiting = con.execute("from samples order by sample_id").fetchall()
        assert con.execute(LEFT_IN_PLACE).fetchall() == [(1,)]
        con.execute("set enable_external_access = false")
        assert con.execute("from samples order by sample_id").fetchall() == waiting
    ingest(files)
    with read(replace(files, readonly=True)) as con:
        assert con.execute("from samples order by sample_id").fetchall() == waiting
    assert len({row[0] for row in waiting}) == len(waiting) > 150


def test_a_rotten_page_is_not_shown_and_keeps_nothing_else_out(files: StoreFiles) -> None:
    """DuckDB would take what it holds for a completion."""
    run = store_home.RUNS[1]
    rows = [row for row in store_home.sample_rows(run, 40) if row["draw"] >= 10]  # ten are there
    for number in range(70):
        store_home.write_samples(files.root, run, rows[number : number + 1], f"L2-{number:05d}")
    rotten = files.runs / run.run_id / "samples" / "part-L2-00069.parquet"
    pq.write_table(pq.read_table(rotten), rotten, compression="none", write_page_checksum=True)
    with read(replace(files, readonly=True)) as con:
        assert con.execute(LEFT_IN_PLACE).fetchall() == [(1,)]
        whole = con.execute("from samples order by sample_id").fetchall()
    ids = {row["sample_id"] for row in pq.read_table(rotten).to_pylist()}
    completion = pq.read_table(rotten)["completion"][0].as_py().encode()
    data = rotten.read_bytes()
    assert completion in data
    rotten.write_bytes(data.replace(completion, b"#" * len(completion)))
    with read(replace(files, readonly=True)) as con:
        assert con.execute(LEFT_IN_PLACE).fetchall() == [(1,)]
        left = con.execute("from samples order by sample_id").fetchall()
    assert left == [row for row in whole if row[0] not in ids]
    assert len(left) < len(whole)
