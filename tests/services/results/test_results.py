"""Results of a home as a whole: with a share that is meant, and with read-outs alone."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from store.ingest import ingest
from store.samples import memory
from tests.builders import store_home
from tests.builders.file_reads import files_opened
from tests.store.test_readouts import reading, write
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data.database import files_of, held_by
from wgen_tui.services.data.database import reading as reading_of
from wgen_tui.services.results.kept.stamps import stamp
from wgen_tui.services.results.results import compute

RUNS = [store_home.StoredRun("old", seed) for seed in (0, 1)]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Samples of an experiment whose definition is gone."""
    return Home(store_home.write_home(tmp_path / "home", n=4, runs=RUNS)).ensure()


def read_out(home: Home) -> None:
    for run in RUNS:
        write(home.root, run, "readouts", reading(run, 0, {"a": 0.25, "b": 0.75}), "R-00000")


def test_a_judge_and_a_label_say_which_share(home: Home) -> None:
    results = compute(home, store_home.EXPERIMENT, judge="era", label="19th_century")
    overall = next(rate for rate in results.rates if rate.seed is None)
    assert (overall.arm, overall.seeds, overall.n) == ("old", 2, 24)
    assert results.sql.count(f"'{store_home.EXPERIMENT}'") == 1
    assert results.warnings[0].startswith("the definition cannot be read")
    assert results.readouts == []


def test_what_little_memory_cannot_hold_is_read_with_more(home: Home) -> None:
    ingest(files_of(home))
    expected = compute(home, store_home.EXPERIMENT, judge="era", label="19th_century")
    with reading_of(home) as con, pytest.raises(memory.NeedsMore):
        memory.bound(con, home.root, "2MB")
        con.execute(expected.sql).fetchall()
    begun = 0

    def counted() -> int:
        nonlocal begun
        begun += 1
        with reading_of(home) as con:
            return len(con.execute(expected.sql).fetchall())

    read = held_by(("1MB", "2MB"), counted)
    rows = read()
    assert rows > 0
    assert begun == 3  # with either limit, and without
    assert read() == rows
    assert begun == 4  # what was too little is not tried again


def test_without_a_share_only_read_outs_are_shown(home: Home) -> None:
    with pytest.raises(UsageError, match="no analysis plan"):
        compute(home, store_home.EXPERIMENT)
    read_out(home)
    results = compute(home, store_home.EXPERIMENT)
    assert (results.rates, results.contrasts, results.curve) == ([], [], None)
    assert {item.metric for item in results.readouts} == {"p(a)", "p(b)"}
    assert "readout_means" in results.sql
    both = compute(home, store_home.EXPERIMENT, judge="era", label="19th_century")
    assert both.rates
    assert both.readouts == results.readouts


def test_what_has_neither_definition_nor_samples_is_unknown(home: Home) -> None:
    with pytest.raises(UsageError, match="made"):
        compute(home, "mad", judge="era", label="modern")


def test_the_stamp_tells_of_every_part_and_verdict_and_opens_no_file(home: Home) -> None:
    def asked() -> object:
        with files_opened() as opened:
            told = stamp(home, store_home.EXPERIMENT)
        assert opened == []
        return told

    first = asked()
    ingest(files_of(home))
    assert asked() == first  # the data are the same
    read_out(home)
    with_readouts = asked()
    rows = store_home.sample_rows(RUNS[0], 5)[-1:]
    store_home.write_samples(home.root, RUNS[0], rows, "L2-00000")
    with_samples = asked()
    journal = home.journal / "grades-ada-x.jsonl"
    journal.write_text(store_home.grade_line(rows[0], "era", "modern", "human:ada"))
    graded = asked()
    with journal.open("a") as stream:
        stream.write(store_home.grade_line(rows[0], "era", "modern", "human:ada", seconds=1))
    assert len({first, with_readouts, with_samples, graded, asked()}) == 5


def test_the_stamp_tells_of_parts_that_come_within_a_tick_of_the_clock(home: Home) -> None:
    grades = home.run(RUNS[1].run_id).grades
    before, status = stamp(home, store_home.EXPERIMENT), grades.stat()
    (grades / "part-L9-00000.jsonl").write_text("")
    os.utime(grades, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stamp(home, store_home.EXPERIMENT) != before


def test_the_stamp_is_the_same_whatever_comes_to_other_experiments(home: Home) -> None:
    before = stamp(home, store_home.EXPERIMENT)
    other = home.runs / "other-old-s0-0000000000" / "samples"
    other.mkdir(parents=True)
    (other / "part-L1-00000.parquet").write_bytes(b"")
    assert stamp(home, store_home.EXPERIMENT) == before


def test_the_query_of_the_docs_gives_the_rates(home: Home) -> None:
    docs = (Path(__file__).parents[3] / "docs" / "methods.md").read_text(encoding="utf-8")
    (query,) = re.findall(r"```sql\n(with shares as .*?);\n```", docs, re.DOTALL)
    query = query.replace("half-old", store_home.EXPERIMENT).replace("(0, 114)", "(0, 10)")
    with reading_of(home) as con:
        told = con.execute(query).fetchall()
    rates = compute(home, store_home.EXPERIMENT, judge="era", label="19th_century").rates
    (old,) = (rate for rate in rates if (rate.seed, rate.question) == (None, None))
    assert [(arm, rate, seeds) for arm, rate, _, seeds in told] == [("old", old.rate, old.seeds)]
