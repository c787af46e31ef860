"""Finding, paging and showing samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import grades, queries, samples
from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from store.samples import Filter
from tests.builders import store_home


@pytest.mark.parametrize("ingested", [True, False])
def test_filters(files: StoreFiles, ingested: bool) -> None:
    if ingested:
        ingest(files)
    with read(files) as con:

        def count(**values: object) -> int:
            found = Filter(**values)  # type: ignore[arg-type]
            assert len(samples.sample_ids(con, found)) == samples.count(con, found)
            return samples.count(con, found)

        assert count() == 150
        assert count(arm="old") == 60
        assert count(arm="old", seed=1, question="light") == 10
        assert count(step=0) == 30
        assert count(label=("era", "19th_century"), arm="old", seed=0) == 24
        assert count(text="COACH", arm="new") == 3
        assert count(text="100%") == 0
        assert count(graded_by="human:ada") == 0


@pytest.mark.parametrize(
    "found",
    [
        Filter(),
        Filter(arm="old", seed=1, question="light"),
        Filter(label=("era", "19th_century")),
        Filter(text="COACH", step=10),
    ],
)
def test_an_export_has_the_samples_of_the_filter(files: StoreFiles, found: Filter) -> None:
    with read(files) as con:
        query, values = samples.export_query(found)
        rows = con.execute(query, values).fetchall()
        columns = [str(item[0]) for item in con.description or []]
        ids = samples.sample_ids(con, found)
    assert sorted(row[columns.index("sample_id")] for row in rows) == sorted(ids)
    assert columns[-2:] == ["broken", "labels"]


def test_pages_come_in_the_order_of_their_ids(files: StoreFiles) -> None:
    with read(files) as con:
        ids = samples.sample_ids(con, Filter(arm="old"), "blind")
        rows = samples.page(con, ids[10:20])
        assert [row.sample_id for row in rows] == list(ids[10:20])
        assert {row.arm for row in rows} == {"old"}
        assert all(row.labels["broken"] == "ok" and row.broken is False for row in rows)
        assert samples.page(con, []) == []


def test_blind_order_is_not_the_natural_one(files: StoreFiles) -> None:
    with read(files) as con:
        natural = samples.sample_ids(con, Filter())
        blind = grades.blind_queue(con, store_home.EXPERIMENT)
    assert sorted(natural) == sorted(blind)
    assert natural != blind


def test_detail_has_everything(files: StoreFiles) -> None:
    with read(files) as con:
        sample_id = samples.sample_ids(con, Filter(arm="old"))[0]
        found = samples.detail(con, sample_id)
        assert samples.detail(con, 1) is None
    assert found is not None
    assert found.messages == [{"role": "user", "content": "How?"}]
    assert found.prompt_text.startswith("<|user|>")
    assert {grade.judge for grade in found.grades} == {"broken", "era"}
    assert found.grades[0].signals == {"hits": 1}


def test_facets_count_what_the_filter_lets_through(files: StoreFiles) -> None:
    with read(files) as con:
        found = samples.facets(con, Filter(arm="old", seed=0))
    assert found.arms == [("old", 30)]
    assert found.questions == [("light", 10), ("money", 10), ("travel", 10)]
    assert ("era", "19th_century", 24) in found.labels


def test_counts_for_statistics(files: StoreFiles) -> None:
    with read(files) as con:
        found = queries.counts(con, store_home.EXPERIMENT, "era")
    old = [c for c in found if (c.arm, c.seed, c.question) == ("old", 0, "travel")]
    assert {(c.label, c.n, c.broken) for c in old} == {("19th_century", 8, 0), ("modern", 2, 0)}
    assert sum(c.n for c in found) == 150


@pytest.mark.slow
def test_a_large_result_is_a_list_of_ids(tmp_path: Path) -> None:
    runs = [store_home.StoredRun("old", seed) for seed in range(4)]
    files = StoreFiles.of(store_home.write_home(tmp_path / "home", n=2500, runs=runs))
    ingest(files)
    with read(files) as con:
        ids = samples.sample_ids(con, Filter(), "blind")
        assert len(ids) == 4 * 3 * 2500
        assert ids.itemsize == 8
        middle = samples.page(con, ids[15000:15100])
        assert [row.sample_id for row in middle] == list(ids[15000:15100])
