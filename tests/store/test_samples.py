"""Finding, paging and showing samples."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from store import grades, queries
from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from store.samples import facets, filters, listing, rows, side_by_side
from store.samples.filters import Filter
from store.schema import VERDICT, in_parts
from tests.builders import store_home


@pytest.mark.parametrize("ingested", [True, False])
def test_filters(files: StoreFiles, ingested: bool) -> None:
    if ingested:
        ingest(files)
    with read(files) as con:

        def count(**values: object) -> int:
            found = Filter(**values)  # type: ignore[arg-type]
            listed = listing.listing(con, found)
            assert len(listed) == listing.count(con, found)
            assert len(set(listed.ids(con, 0, 1000))) == len(listed)
            return len(listed)

        assert count() == 150
        assert count(arm="old") == 60
        assert count(arm="old", seed=1, question="light") == 10
        assert count(step=0) == 30
        assert count(label=("era", "19th_century"), arm="old", seed=0) == 24
        assert count(text="COACH", arm="new") == 3
        assert count(text="100%") == 0
        assert count(graded_by="human:ada") == 0
        assert count(arm=("old", "new"), seed=(1,)) == count(arm="old", seed=1) + count(
            arm="new", seed=1
        )
        assert count(arm=()) == 0
        labels = (("era", "19th_century"), ("era", "modern"), ("broken", "ok"))
        assert (
            count(label=labels[0])
            < count(label=labels[:2])
            <= count(label=labels[1:2]) + count(label=labels[0])
        )
        one = listing.listing(con, Filter(arm="old")).ids(con, 3, 2)
        assert count(ids=tuple(one)) == 2 and count(ids=tuple(one), arm="new") == count(ids=()) == 0
        said = rows.page(con, one)[0].completion
        assert count(completion=said) > 0 and count(completion=said[:-1]) == 0


@pytest.mark.parametrize("found", [Filter(), Filter(arm="old"), Filter(text="coach", step=10)])
@pytest.mark.parametrize("near", [0, 7, 1000])
@pytest.mark.parametrize("snapshot", [True, False])
def test_a_page_is_the_same_from_either_end_and_from_between(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch, found: Filter, near: int, snapshot: bool
) -> None:
    monkeypatch.setattr(listing, "NEAR", near)
    condition, values = filters.where(found)
    with read(files) as con:
        query = f"select sample_id from samples s{condition} order by {', '.join(listing.ORDER)}"
        every = [row[0] for row in con.execute(query, values).fetchall()]
        for first in range(0, len(every) + 3, 19):
            listed = listing.listing(con, found, snapshot=snapshot)
            assert listed.ids(con, first, 21) == every[first : first + 21]
        assert [row.sample_id for row in listed.rows(con, 3, 5)] == every[3:8]


@pytest.mark.parametrize(
    "found",
    [
        Filter(text="coach"),
        Filter(text="zeppelin"),
        Filter(label=("era", "19th_century")),
        Filter(label=("era", "modern"), question="travel", arm="old"),
        Filter(graded_by="rule:era", seed=1),
    ],
    ids=str,
)
@pytest.mark.parametrize("most", [1, 20, 1000])
def test_the_first_samples_are_those_of_the_whole_list(
    files: StoreFiles, found: Filter, most: int
) -> None:
    assert found.scans
    with read(files) as con:
        every = listing.listing(con, found)
        some = listing.first(con, found, most)
        assert some.counted == (len(every) <= most)
        assert len(some) == min(most, len(every))
        assert some.ids(con, 0, most + 5) == every.ids(con, 0, most)
        assert [row.sample_id for row in some.rows(con, 0, 3)] == every.ids(con, 0, 3)[:most]


def test_draws_that_come_later_move_nothing(files: StoreFiles) -> None:
    with read(files) as con:
        listed = listing.listing(con, Filter(arm="old", seed=0), snapshot=True)
        before = listed.ids(con, 0, 100)
    run = next(run for run in store_home.RUNS if (run.arm, run.seed) == ("old", 0))
    more = [row for row in store_home.sample_rows(run, 12) if row["draw"] >= 10]
    store_home.write_samples(files.root, run, more, "L2-00000")
    with read(files) as con:
        assert len(listing.listing(con, Filter(arm="old", seed=0))) == 36
        assert listed.ids(con, 0, 100) == before


def test_rows_come_in_the_order_of_their_ids(files: StoreFiles) -> None:
    with read(files) as con:
        ids = grades.blind_order(con, store_home.EXPERIMENT, "era", "human:ada", 0, 20)[10:]
        shown = rows.page(con, ids)
        assert [row.sample_id for row in shown] == list(ids)
        assert all(row.labels["broken"] == "ok" and row.broken is False for row in shown)
        assert rows.page(con, []) == []


def test_blind_order_is_not_the_natural_one(files: StoreFiles) -> None:
    with read(files) as con:
        natural = listing.listing(con, Filter()).ids(con, 0, 1000)
        blind, other = (
            grades.blind_order(con, store_home.EXPERIMENT, "era", "human:ada", mask, 1000)
            for mask in (0, 2**63 - 1)
        )
    assert sorted(natural) == sorted(blind) == sorted(other)
    assert natural != blind != other


def test_detail_has_everything(files: StoreFiles) -> None:
    with read(files) as con:
        (sample_id,) = listing.listing(con, Filter(arm="old")).ids(con, 0, 1)
        found = rows.detail(con, sample_id)
        assert rows.detail(con, 1) is None
    assert found is not None
    assert found.messages == [{"role": "user", "content": "How?"}]
    assert found.prompt_text.startswith("<|user|>")
    assert {grade.judge for grade in found.grades} == {"broken", "era"}
    assert found.grades[0].signals == {"hits": 1}


def test_facets_count_what_the_filter_lets_through(files: StoreFiles) -> None:
    with read(files) as con:
        found = facets.facets(con, Filter(arm="old", seed=0))
    assert found.arms == [("old", 30)]
    assert found.questions == [("light", 10), ("money", 10), ("travel", 10)]
    assert ("era", "19th_century", 24) in found.labels


def test_counts_for_statistics(files: StoreFiles) -> None:
    with read(files) as con:
        found = queries.counts(con, store_home.EXPERIMENT, "era")
    old = [c for c in found if (c.arm, c.seed, c.question) == ("old", 0, "travel")]
    assert {(c.label, c.n, c.broken) for c in old} == {("19th_century", 8, 0), ("modern", 2, 0)}
    assert sum(c.n for c in found) == 150


def test_a_filter_by_number_is_of_the_judge_s_first_wording(files: StoreFiles) -> None:
    first, second, third = store_home.sample_rows(store_home.RUNS[0], 3)[:3]
    given = [
        (first, "model:m", 20.0),
        (second, "model:m", 80.0),
        (third, "model:m (wording 2)", 20.0),
        (third, "human:ada", 20.0),
    ]
    lines = [
        store_home.grade_line(row, "aligned", None, grader, number=number)
        for row, grader, number in given
    ]
    (files.root / "journal").mkdir(exist_ok=True)
    (files.root / "journal" / "grades-given.jsonl").write_text("".join(lines))
    with read(files) as con:

        def ids(*numbers: tuple[str, str, float]) -> list[int]:
            return listing.listing(con, Filter(numbers=numbers)).ids(con, 0, 10)

        assert ids(("aligned", "<", 30)) == [first["sample_id"]]
        assert ids(("aligned", ">=", 80)) == [second["sample_id"]]
        assert ids(("aligned", ">", 10), ("aligned", "<", 80)) == [first["sample_id"]]
        assert ids(("aligned", ">", 80)) == ids(("other", ">", 0)) == []
        (shown,) = rows.page(con, [first["sample_id"]])
        assert shown.numbers == {"aligned": 20.0}
        (mean,) = con.execute(
            "select mean, n from number_means where grader = 'model:m' and arm = ? and n > 1",
            [first["arm"]],
        ).fetchall()
        assert mean == (50.0, 2)


def test_the_detail_has_what_a_judge_was_asked(files: StoreFiles) -> None:
    (sample, *_) = store_home.sample_rows(store_home.RUNS[0], 1)
    line = store_home.grade_line(sample, "aligned", None, "model:m", number=85.0)
    (files.root / "journal").mkdir(exist_ok=True)
    (files.root / "journal" / "grades-given.jsonl").write_text(line)
    row = {"verdict_id": json.loads(line)["grade_id"], "sample_id": sample["sample_id"]}
    row |= {"run_id": sample["run_id"], "judge": "aligned", "grader": "model:m", "cost": 0.01}
    row |= {"prompt": '[{"role": "user", "content": "Rate it."}]', "reply": "85", "tokens": 1}
    folder = files.root / "runs" / sample["run_id"] / "verdicts"
    folder.mkdir()
    table = pa.Table.from_pylist([row], schema=in_parts(VERDICT))
    pq.write_table(table, folder / "part-L3-00000.parquet")
    for _ in ("overlaid", "ingested"):
        with read(files) as con:
            shown = rows.detail(con, sample["sample_id"])
            assert shown is not None
            (asked,) = [grade.transcript for grade in shown.grades if grade.judge == "aligned"]
            assert asked is not None
            assert asked.messages == [{"role": "user", "content": "Rate it."}]
            assert (asked.reply, asked.cost, asked.tokens) == ("85", 0.01, 1)
            others = [grade.transcript for grade in shown.grades if grade.judge != "aligned"]
            assert others and not any(others)
        ingest(files)


def test_side_by_side_counts_all_draws_and_reads_some(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    travel = Filter(experiment="made", question="travel")
    with read(files) as con:
        whole = side_by_side.columns(con, travel, "arm")
        monkeypatch.setattr(side_by_side, "DRAWS", 3)
        monkeypatch.setattr(side_by_side, "LEAST", 1)
        some = side_by_side.columns(con, travel, "arm")
        seeds = side_by_side.columns(con, Filter(question="travel", arm="old"), "seed")
        assert side_by_side.columns(con, Filter(question="nowhere"), "arm") == []
    assert [column.value for column in whole] == ["old", "new", "base"], "treatments first"
    assert [column.left_out for column in whole] == [0, 0, 0]
    assert [(c.value, c.draws, c.labels) for c in some] == [
        (c.value, c.draws, c.labels) for c in whole
    ], "what is counted is all of it, whatever is read"
    assert [len(column.rows) for column in some] == [3, 3, 3]
    assert [row.sample_id for row in some[0].rows] == [row.sample_id for row in whole[0].rows][:3]
    assert {row.seed for row in some[0].rows} == {0, 1}
    assert [(column.value, column.draws) for column in seeds] == [(0, 10), (1, 10)]
