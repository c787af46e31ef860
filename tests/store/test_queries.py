"""What results are made of is counted a few runs at a time: no row may differ for that."""

from __future__ import annotations

import pytest

from store import queries
from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from tests.builders import store_home
from tests.builders.counted_reads import CountedConnection


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> StoreFiles:
    """A home with samples that nobody has graded, too."""
    root = store_home.write_home(tmp_path_factory.mktemp("counted") / "home", n=6)
    ungraded = store_home.StoredRun("old", 2)
    store_home.write_run(root, ungraded, 6, graded=False)
    files = StoreFiles.of(root)
    ingest(files)
    return files


@pytest.mark.parametrize("at_once", [1, 40, 10_000])
def test_runs_counted_a_few_at_a_time_give_the_rows_of_the_query_that_is_shown(
    files: StoreFiles, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "SAMPLES_AT_ONCE", at_once)
    with read(files) as con:
        given = {"experiment": store_home.EXPERIMENT, "judge": "era", "grader": "rule:era"}
        shown = con.execute(queries.COUNTS, given).fetchall()
        counted = queries.counts(con, store_home.EXPERIMENT, "era")
    assert counted == [queries.Count(*row) for row in shown]
    assert {row.label for row in counted} == {"19th_century", "modern", None}


def test_no_more_samples_are_counted_at_once_than_are_held(
    files: StoreFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for at_once in (1, 40, 10_000):  # a run has 18
        monkeypatch.setattr(queries, "SAMPLES_AT_ONCE", at_once)
        with read(files) as con:
            counted = CountedConnection(con)
            queries.counts(counted, store_home.EXPERIMENT, "era")
            asked.append(counted.settle().queries - 1)
    assert asked == [6, 3, 1]
