"""What a reader asks for does not grow with the store: counted in queries and rows, not in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from store import grades, queries
from store import ingest as ingesting
from store.connect import open_for_writing, read
from store.ingest import ingest, ingest_pending
from store.layout import StoreFiles
from store.samples import facets, listing, rows
from store.samples.filters import Filter
from tests.builders import store_home
from tests.builders.counted_reads import CountedConnection, Reads
from tests.builders.file_reads import files_opened

SMALL, LARGE = 67, 1334  # draws of a question: 1,005 and 20,010 samples of as many runs and parts


@dataclass(frozen=True)
class Store:
    """An ingested home, and the first hundred samples of a list of all."""

    files: StoreFiles
    ids: list[int]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    """A small store and one of twenty times as many samples."""

    def made(n: int) -> Store:
        root: Path = tmp_path_factory.mktemp("growth") / "home"
        files = StoreFiles.of(store_home.write_home(root, n))
        ingest(files)
        with read(files) as con:
            return Store(files, listing.listing(con, Filter(arm="old")).ids(con, 0, 100))

    return made(SMALL), made(LARGE)


Reader = Callable[[CountedConnection, Store], object]
READERS: dict[str, Reader] = {
    "page": lambda con, store: rows.page(con, store.ids),
    "detail": lambda con, store: rows.detail(con, store.ids[50]),
    "facets": lambda con, store: facets.facets(con, Filter(arm="old")),
    "facets of a label": lambda con, store: facets.facets(con, Filter(label=("era", "modern"))),
    "count": lambda con, store: listing.count(con, Filter()),
    "graded": lambda con, store: grades.graded_by(con, "made", "era", "human:ada"),
    "results": lambda con, store: queries.counts(con, "made", "era"),
}
# Those that read only what they show.
CONSTANT = ("count", "facets", "facets of a label")


def reads(store: Store, reader: Reader) -> Reads:
    with read(store.files) as con:
        counted = CountedConnection(con)
        assert reader(counted, store) is not None
        return counted.settle()


@pytest.mark.parametrize("name", READERS)
def test_a_reader_asks_as_few_queries_of_a_large_store(
    stores: tuple[Store, Store], name: str
) -> None:
    small, large = (reads(store, READERS[name]) for store in stores)
    assert large.queries == small.queries > 0


def test_many_samples_in_full_take_as_many_queries_as_one(stores: tuple[Store, Store]) -> None:
    _, large = stores
    one = reads(large, lambda con, store: rows.details(con, store.ids[:1]))
    many = reads(large, lambda con, store: rows.details(con, store.ids[:50]))
    assert (many.queries, many.rows) == (one.queries, one.rows)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    """A small store, and one that has twenty times as many runs, in blocks of a few thousand rows.

    As an ingest leaves a million samples: a block of one has what seven runs of the other have.
    """

    def made(more: int) -> Store:
        root: Path = tmp_path_factory.mktemp("grown") / "home"
        later = [store_home.StoredRun("later", seed) for seed in range(more)]
        files = StoreFiles.of(store_home.write_home(root, SMALL, [*store_home.RUNS, *later]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ingesting, "TURN_BYTES", 1 << 18)
            patch.setattr(ingesting, "LONGEST_TURN", 1)
            ingest(files)
        with read(files) as con:
            return Store(files, listing.listing(con, Filter(arm="old")).ids(con, 0, 100))

    return made(0), made(95)


RUN = store_home.RUNS[1].run_id
# Reader -> how often it passes over one column of all rows.
PASSES: dict[str, tuple[int, Reader]] = {
    "list of an arm": (0, lambda con, _: listing.listing(con, Filter(arm="old")).ids(con, 0, 100)),
    "list of a run": (0, lambda con, _: listing.listing(con, Filter(run_id=RUN)).ids(con, 0, 100)),
    "page": (1, READERS["page"]),
    "detail": (1, READERS["detail"]),
}


@pytest.mark.parametrize("name", PASSES)
def test_a_reader_reads_the_blocks_of_what_it_shows(grown: tuple[Store, Store], name: str) -> None:
    passes, reader = PASSES[name]
    small, large = (reads(store, reader) for store in grown)
    every = 15 * SMALL
    assert large.queries == small.queries
    assert large.rows - 20 * every * passes <= 2 * (small.rows - every * passes)


@pytest.mark.parametrize("name", CONSTANT)
def test_a_reader_reads_as_few_rows_of_a_large_store(
    stores: tuple[Store, Store], name: str
) -> None:
    small, large = (reads(store, READERS[name]) for store in stores)
    assert large.rows <= small.rows


def test_results_read_a_sample_and_a_verdict_twice_each_and_no_more(
    stores: tuple[Store, Store],
) -> None:
    _, large = (reads(store, READERS["results"]) for store in stores)
    samples = 15 * LARGE
    assert samples < large.rows <= 2 * samples + 2 * (2 * samples)


def test_an_ingest_of_nothing_new_reads_the_manifest_and_no_rows(
    stores: tuple[Store, Store],
) -> None:
    counts, opened = [], []
    for store in stores:
        with open_for_writing(store.files) as con:
            counted = CountedConnection(con)
            with files_opened() as files:
                report = ingest_pending(counted, store.files)
            counts.append(counted.settle())
            opened.append(len(files))
        assert report.parts == 0
    small, large = counts
    assert (large.queries, large.rows) == (small.queries, small.rows)
    assert opened == [0, 0]
    assert large.rows < SMALL
