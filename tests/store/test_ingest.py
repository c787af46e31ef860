"""Exactly once, whatever happens."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from store import parts
from store.connect import StoreBroken, open_for_writing, read
from store.ingest import ingest, ingest_lock
from store.layout import StoreFiles
from store.verify import rebuild, verify
from tests.builders import store_home

TOTAL = 5 * 3 * 10


def rows(files: StoreFiles, sql: str) -> list[tuple[object, ...]]:
    with read(files) as con:
        return con.execute(sql).fetchall()


def test_readers_see_rows_before_and_after_ingest_alike(files: StoreFiles) -> None:
    query = "select arm, seed, question, count(*) from samples group by all order by all"
    before = rows(files, query)
    assert sum(int(str(row[-1])) for row in before) == TOTAL
    report = ingest(files)
    assert report is not None
    assert report.rows["sample"] == TOTAL
    assert rows(files, query) == before
    again = ingest(files)
    assert again is not None
    assert again.parts == 0


def test_a_row_that_arrives_twice_counts_once(files: StoreFiles) -> None:
    ingest(files)
    run = store_home.RUNS[1]
    store_home.write_samples(files.root, run, store_home.sample_rows(run, 12), "L2-00000")
    assert rows(files, "select count(*), count(distinct sample_id) from samples") == [
        (TOTAL + 6, TOTAL + 6)
    ]
    report = ingest(files)
    assert report is not None
    assert report.rows["sample"] == 6
    assert rows(files, "select count(*) from samples") == [(TOTAL + 6,)]


def test_a_torn_last_line_is_taken_when_it_is_whole(files: StoreFiles) -> None:
    sample = store_home.sample_rows(store_home.RUNS[1], 1)[0]
    journal = files.journal / "grades-ada-1.jsonl"
    line = store_home.grade_line(sample, "era", "modern", "human:ada")
    journal.write_text(line + line[:40])
    count = "select count(*) from grades_all where grader = 'human:ada'"
    ingest(files)
    assert rows(files, count) == [(1,)]
    with journal.open("a") as stream:
        stream.write(line[40:].replace("modern", "unclear"))
        stream.write(store_home.grade_line(sample, "era", "19th_century", "human:ada", seconds=9))
    assert rows(files, count) == [(2,)]  # the same id twice, and a new one
    ingest(files)
    assert rows(files, count) == [(2,)]
    newest = "select label from grades where grader = 'human:ada'"
    assert rows(files, newest) == [("19th_century",)]


def test_an_undone_grade_uncovers_the_one_before(files: StoreFiles) -> None:
    sample = store_home.sample_rows(store_home.RUNS[1], 1)[0]
    first = store_home.grade_line(sample, "era", "modern", "human:ada", seconds=1)
    second = store_home.grade_line(sample, "era", "19th_century", "human:ada", seconds=2)
    undone = json.loads(second)["grade_id"]
    undo = store_home.grade_line(sample, "era", None, "human:ada", seconds=3, retracts=undone)
    (files.journal / "grades-ada-1.jsonl").write_text(first + second + undo)
    assert rows(files, "select label from grades where grader = 'human:ada'") == [("modern",)]


def test_a_damaged_part_keeps_nothing_else_out(files: StoreFiles) -> None:
    broken = files.runs / store_home.RUNS[0].run_id / "samples" / "part-L9-00000.parquet"
    broken.write_bytes(b"PAR1 not really")
    report = ingest(files)
    assert report is not None
    assert list(report.damaged) == [
        f"runs/{store_home.RUNS[0].run_id}/samples/part-L9-00000.parquet"
    ]
    assert rows(files, "select count(*) from samples") == [(TOTAL,)]


def test_a_removed_run_is_forgotten(files: StoreFiles) -> None:
    ingest(files)
    gone = files.runs / store_home.RUNS[1].run_id
    gone.rename(files.root / "elsewhere")
    report = ingest(files)
    assert report is not None
    assert report.forgotten == [store_home.RUNS[1].run_id]
    assert rows(files, "select count(*) from samples") == [(TOTAL - 30,)]
    assert verify(files) == []


def test_two_ingests_at_once_are_one(files: StoreFiles) -> None:
    with ingest_lock(files) as mine:
        assert mine
        done = subprocess.run(
            [sys.executable, "-c", INGEST, str(files.root)], capture_output=True, text=True
        )
    assert done.stdout.strip() == "None", done.stderr


INGEST = (
    "import sys; from pathlib import Path; from store.ingest import ingest; "
    "from store.layout import StoreFiles; print(ingest(StoreFiles.of(Path(sys.argv[1]))))"
)


@pytest.mark.slow
def test_kill_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rng = random.Random(4)
    files = StoreFiles.of(store_home.write_home(tmp_path / "home", n=300))
    killed = 0
    for round_ in range(12):
        run = store_home.StoredRun("more", round_)
        store_home.write_run(files.root, run, 50)
        process = subprocess.Popen(
            [sys.executable, "-c", INGEST, str(files.root)], stdout=subprocess.DEVNULL
        )
        try:
            process.wait(timeout=rng.uniform(0.25, 0.9))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed >= 3, "no kill met a running ingest: the test proves nothing"
    ingest(files)
    expected = 5 * 3 * 300 + 12 * 3 * 50
    assert rows(files, "select count(*), count(distinct sample_id) from samples") == [
        (expected, expected)
    ]
    assert verify(files) == []


def test_rebuild_gives_the_same_rows(files: StoreFiles) -> None:
    ingest(files)
    tables = ("sample", "prompt", "grade", "metric", "run")
    before = {table: rows(files, f"select * from {table} order by all") for table in tables}
    files.database.unlink()
    rebuild(files)
    with duckdb.connect(str(files.database), read_only=True) as con:
        for table in tables:
            assert con.execute(f"select * from {table} order by all").fetchall() == before[table]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("delete from sample where sample_id = (select min(sample_id) from sample)", "missing"),
        ("insert into sample select * replace (1 as sample_id) from sample limit 1", "surplus"),
        ("update sample set completion = 'x' where draw = 0 and arm = 'base'", "different"),
        ("insert into sample select * from sample limit 1", "double"),
        ("delete from grade where judge = 'era' and run_id like '%base%'", "missing"),
    ],
)
def test_verify_finds_damage(files: StoreFiles, damage: str, expected: str) -> None:
    assert verify(files) == []
    with open_for_writing(files) as con:
        con.execute(damage)
    assert expected in {problem.what for problem in verify(files)}
    rebuild(files)
    assert verify(files) == []


def test_verify_finds_files_that_are_gone(files: StoreFiles) -> None:
    ingest(files)
    part = files.runs / store_home.RUNS[1].run_id / "samples" / "part-L1-00000.parquet"
    part.unlink()
    assert {problem.what for problem in verify(files)} == {"missing", "surplus"}


def test_unfinished_files_are_not_parts(files: StoreFiles) -> None:
    folder = files.runs / store_home.RUNS[0].run_id / "samples"
    (folder / ".part-L1-00000.parquet.77.tmp").write_bytes(b"half")
    assert not [part for part in parts.scan(files) if "tmp" in part.name]


def sample_part(files: StoreFiles) -> Path:
    """One of the parts of samples."""
    return sorted((files.runs / store_home.RUNS[0].run_id / "samples").glob("part-*.parquet"))[0]


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_rebuild_keeps_the_database_that_may_be_the_last_to_hold_rows(
    files: StoreFiles, harm: str
) -> None:
    ingest(files)
    part = sample_part(files)
    part.write_bytes(b"PAR1") if harm == "cut" else part.unlink()
    assert any(problem.where.startswith("runs/") for problem in verify(files))
    report = rebuild(files)
    assert [name.rsplit("/", 1)[1] for name in report.damaged] == [part.name]
    assert report.kept is not None
    with duckdb.connect(str(files.root / report.kept), read_only=True) as con:
        assert con.execute("select count(*) from sample").fetchall() == [(TOTAL,)]
    lost = TOTAL - rows(files, "select count(*) from samples")[0][0]
    assert lost > 0


def test_a_rebuild_from_sound_files_keeps_nothing_aside(files: StoreFiles) -> None:
    ingest(files)
    (files.runs / store_home.RUNS[1].run_id).rename(files.root / "elsewhere")
    report = rebuild(files)
    assert (report.damaged, report.kept) == ({}, None)


def test_a_page_that_does_not_have_its_checksum_is_damaged(files: StoreFiles) -> None:
    ingest(files)
    part = sample_part(files)
    pq.write_table(pq.read_table(part), part, compression="none", write_page_checksum=True)
    rebuild(files)
    data = bytearray(part.read_bytes())
    data[60:80] = bytes(20)
    part.write_bytes(data)
    (problem,) = [p for p in verify(files) if p.what == "damaged"]
    assert problem.where.endswith(part.name)
    assert "checksum" in problem.detail


def test_a_broken_database_is_named_and_mended(files: StoreFiles) -> None:
    ingest(files)
    files.database.write_bytes(b"no database\n" * 1000)
    with pytest.raises(StoreBroken), read(files):
        pass
    with pytest.raises(StoreBroken):
        ingest(files)
    assert [(p.what, p.where) for p in verify(files)] == [("damaged", "wgen.duckdb")]
    rebuild(files)
    assert verify(files) == []
