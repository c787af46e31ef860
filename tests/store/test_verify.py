"""Comparing files and database: in batches, beside readers and writers."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest

from store import compare as comparing
from store.arrow import part_rows
from store.compare import compare
from store.connect import attached, open_for_writing
from store.ingest import ingest
from store.layout import StoreFiles
from store.verify import verify
from tests.builders import store_home

READ = (
    "import sys; from pathlib import Path; from store.connect import read; "
    "from store.layout import StoreFiles\n"
    "with read(StoreFiles.of(Path(sys.argv[1])), patience=0) as con: "
    "print(con.execute('select count(*) from samples').fetchall()[0][0])"
)


@pytest.fixture
def in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "BATCH_BYTES", 1)
    monkeypatch.setattr(comparing, "RANKED_AT_ONCE", 7)
    monkeypatch.setattr(part_rows, "AT_ONCE", 1)


def what(files: StoreFiles) -> list[tuple[str, str, str]]:
    return [(p.what, p.where, p.detail.split(" (")[0]) for p in verify(files)]


@pytest.mark.usefixtures("in_small_batches")
def test_batches_together_say_what_is_wrong(files: StoreFiles) -> None:
    assert verify(files) == []
    with open_for_writing(files) as con:
        con.execute("delete from sample where draw < 2 and question = 'light'")
        con.execute("update sample set completion = 'x' where draw = 5")
        con.execute("insert into sample select * from sample where draw = 6 and arm = 'base'")
        con.execute("insert into metric select * replace (99 as step) from metric where step = 1")
        con.execute("update prompt set text = 'x' where question = 'light'")
        con.execute(
            "update grade set counts = not counts where judge = 'era' and run_id like '%base%'"
        )
    assert what(files) == [
        ("missing", "sample", "10 rows in the files only"),
        ("different", "sample", "15 rows"),
        ("double", "sample", "3 rows"),
        ("different", "prompt", "1 row"),
        ("surplus", "metric", "5 rows in the database only"),
        ("different", "grade", "30 rows that count, or do not"),
        ("different", "sample_count", "11 counts are not what counting gives"),
    ]


@pytest.mark.usefixtures("in_small_batches")
def test_a_row_that_two_files_tell_with_other_times_is_as_one_of_them_says(
    files: StoreFiles,
) -> None:
    run = store_home.RUNS[1]
    again = [
        {**row, "created_at": row["created_at"] + timedelta(hours=1), "launch_id": "L2"}
        for row in store_home.sample_rows(run, 10)
    ]
    ingest(files)
    store_home.write_samples(files.root, run, again, "L2-00000")
    assert verify(files) == []
    with open_for_writing(files) as con:
        con.execute("update sample set launch_id = 'L3' where draw = 1")
    assert what(files) == [("different", "sample", "15 rows")]


def test_others_read_and_write_meanwhile(files: StoreFiles) -> None:
    ingest(files)
    run = store_home.RUNS[1]
    with attached(files) as con:
        done = subprocess.run(
            [sys.executable, "-c", READ, str(files.root)], capture_output=True, text=True
        )
        assert done.stdout == "150\n", done.stderr
        store_home.write_samples(files.root, run, store_home.sample_rows(run, 12), "L2-00000")
        (files.runs / run.run_id / "metrics.jsonl").open("a").write(store_home.metric_line(9))
        assert compare(con, files, set()) == []
