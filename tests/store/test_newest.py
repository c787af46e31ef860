"""Which verdicts count is what ordering all of them would say, in whatever order they come."""

from __future__ import annotations

import json
import random

import duckdb
import pytest

from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from store.migrate import migrations
from store.samples.facets import facets
from store.samples.filters import Filter
from store.verify import rebuild, verify
from tests.builders import store_home
from tests.store.test_counts import plainly, told

# The definition: what the view was before ingest kept it.
BY_ORDERING = """\
select grade_id from {grade}
where retracts is null and repeat_of is null
  and grade_id not in (select retracts from {grade} where retracts is not null)
qualify row_number() over (
    partition by sample_id, judge, grader order by created_at desc, grade_id desc) = 1
order by all"""
COUNTING = "select grade_id from grades order by all"


def line(rng: random.Random, number: int, given: list[int], *, repeats: bool = True) -> str:
    """A verdict, or the undoing of one, of any slot out of a few."""
    run = rng.choice(store_home.RUNS[:3])
    sample = store_home.sample_rows(run, 1)[rng.randrange(2)]
    undo = rng.choice(given) if given and rng.random() < 0.3 else None
    again = rng.choice(given) if given and repeats and not undo and rng.random() < 0.2 else None
    text = store_home.grade_line(
        sample,
        rng.choice(("era", "broken")),
        None if undo else "modern",
        rng.choice(("human:ada", "human:bo")),
        seconds=rng.randrange(6),
        retracts=undo,
        grade_id=number,
        **({"repeat_of": again} if again else {}),
    )
    given.append(number)
    return text


def check(files: StoreFiles) -> None:
    """Readers, and a stock client if all is ingested, see what ordering gives."""
    with read(files) as con:
        expected = con.execute(BY_ORDERING.format(grade="grades_all")).fetchall()
        assert con.execute(COUNTING).fetchall() == expected
        assert told(facets(con, Filter())) == plainly(con, Filter())


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_ordering_says(files: StoreFiles, seed: int) -> None:
    rng = random.Random(seed)
    given: list[int] = []
    lines = [line(rng, number, given) for number in range(1, 60)]
    if seed % 2:  # an undoing may come before what it undoes
        rng.shuffle(lines)
    journal = files.journal / "grades-ada-1.jsonl"
    while lines:
        some = [lines.pop() for _ in range(min(len(lines), rng.randrange(1, 12)))]
        with journal.open("a") as stream:
            stream.write("".join(some))
        check(files)
        if rng.random() < 0.6:
            ingest(files)
            check(files)
    ingest(files)
    with duckdb.connect(str(files.database), read_only=True) as con:
        expected = con.execute(BY_ORDERING.format(grade="grade")).fetchall()
        assert con.execute(COUNTING).fetchall() == expected
    assert verify(files) == []
    rebuild(files)
    with duckdb.connect(str(files.database), read_only=True) as con:
        assert con.execute(COUNTING).fetchall() == expected


def old_database(files: StoreFiles) -> None:
    """Make the database one of the version before, with the same rows."""
    with duckdb.connect(str(files.database)) as con:
        con.execute("alter table grade drop column counts")
        con.execute("alter table grade drop column repeat_of")
        con.execute("drop table verdict")
        con.execute("drop table sample_reasoning")
        con.execute("drop table note")
        con.execute("drop table held_out_row")
        con.execute("drop table sample_count")
        con.execute("drop table label_set")
        con.execute("update schema_version set version = 2, views = 'older'")


def test_an_older_database_is_read_and_migrated(files: StoreFiles) -> None:
    rng = random.Random(9)
    given: list[int] = []
    journal = files.journal / "grades-ada-1.jsonl"
    journal.write_text("".join(line(rng, number, given, repeats=False) for number in range(1, 40)))
    ingest(files)
    old_database(files)
    check(files)
    with journal.open("a") as stream:
        stream.write("".join(line(rng, number, given) for number in range(40, 60)))
    check(files)
    ingest(files)
    check(files)
    with duckdb.connect(str(files.database), read_only=True) as con:
        assert con.execute("select version from schema_version").fetchall() == [
            (max(migrations()),)
        ]
    assert verify(files) == []


def test_what_a_removed_run_took_back_counts_again(files: StoreFiles) -> None:
    here, gone = store_home.RUNS[1], store_home.RUNS[2]
    sample = store_home.sample_rows(here, 1)[0]
    verdict = store_home.grade_line(sample, "era", "modern", "human:ada")
    (files.journal / "grades-ada-1.jsonl").write_text(verdict)
    undo = store_home.grade_line(
        {**sample, "run_id": gone.run_id},
        "era",
        None,
        "human:ada",
        retracts=json.loads(verdict)["grade_id"],
    )
    (files.runs / gone.run_id / "grades" / "part-L2-00000.jsonl").write_text(undo)
    ingest(files)
    count = "select count(*) from grades where grader = 'human:ada'"
    with read(files) as con:
        assert con.execute(count).fetchall() == [(0,)]
    (files.runs / gone.run_id).rename(files.root / "elsewhere")
    ingest(files)
    with read(files) as con:
        assert con.execute(count).fetchall() == [(1,)]
