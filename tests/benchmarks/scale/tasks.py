"""What is measured in a process of its own: `python -m tests.benchmarks.scale.tasks NAME ARGUMENT…`

Each prints one line of JSON. Seconds are those of the work alone: imports and the start of Python
do not count.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from store.connect import Connection, StoreBusy
from store.ingest import ingest
from wgen_tui.paths import Home
from wgen_tui.services.data import samples, sql
from wgen_tui.services.data.database import files_of, reading

SCANS = {
    "samples": "read_parquet('{root}/runs/*/samples/part-*.parquet')",
    "tokens": "read_parquet('{root}/runs/*/tokens/part-*.parquet')",
    "verdicts": "read_parquet('{root}/runs/*/verdicts/part-*.parquet')",
    "grades": "read_json('{root}/runs/*/grades/part-*.jsonl', format = 'newline_delimited')",
}


def timed(work: Callable[[], Any]) -> float:
    """Seconds that a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def take_in(root: str) -> dict[str, Any]:
    """Ingest what is new in a home, and close the database."""
    began = time.perf_counter()
    report = ingest(files_of(Home(Path(root))))
    seconds = time.perf_counter() - began
    assert report is not None
    return {"seconds": seconds, "rows": report.rows, "damaged": report.damaged}


def stock(root: str, target: str, *kinds: str) -> dict[str, Any]:
    """Make a table of the same files with DuckDB alone, and close the database."""
    Path(target).unlink(missing_ok=True)
    began = time.perf_counter()
    with duckdb.connect(target) as con:
        for kind in kinds:
            con.execute(f"create table {kind} as select * from {SCANS[kind].format(root=root)}")
    seconds = time.perf_counter() - began
    with duckdb.connect(target, read_only=True) as con:
        rows = {
            kind: con.execute(f"select count(*) from {kind}").fetchall()[0][0] for kind in kinds
        }
    Path(target).unlink()
    return {"seconds": seconds, "rows": rows}


def filters(home: Home) -> dict[str, dict[str, Any]]:
    """A filter for each column: the values of a sample in the middle of the store."""
    some = sql.query(
        home,
        "select experiment, run_id, model, arm, seed, step, question, variant from samples "
        "where step > 0 limit 1 offset (select count(*) // 2 from samples)",
    )
    (row,) = some.rows
    given: dict[str, dict[str, Any]] = {"none": {}}
    given |= {name: {name: value} for name, value in zip(some.columns, row, strict=True)}
    given["label"] = {"label": ("era", "old")}
    return given


def found(home: Home, criteria: samples.Filter) -> samples.Listing:
    """A list as a reader gets it: with what must be looked through, before all is counted."""
    if criteria.scans:
        return samples.first(home, criteria, 100, ahead=(0, 100))
    return samples.search(home, criteria, ahead=(0, 100))


def openings() -> list[float]:
    """Seconds of each opening of the database from here on, behind a first that takes none."""
    opened = [0.0]

    @contextmanager
    def watched(home: Home) -> Iterator[Connection]:
        began = time.perf_counter()
        with reading(home) as con:
            opened.append(time.perf_counter() - began)
            yield con

    samples.reading = watched  # type: ignore[attr-defined]
    return opened


def reads(root: str, repeats: str) -> dict[str, Any]:
    """Pages of 100 by each column filter, one detail each, in milliseconds.

    Told are the times beyond openings of the database, and the whole ones: what a person waits for.
    """
    home, opened = Home(Path(root)), openings()
    pages: dict[str, list[Waited]] = {}
    details: list[Waited] = []
    for name, fields in filters(home).items():
        criteria = samples.filter_of(fields)
        for _ in range(int(repeats)):
            before, began = sum(opened), time.perf_counter()
            listing = found(home, criteria)
            rows = samples.page(home, listing, 0, 100)
            whole = time.perf_counter() - began
            assert rows, name
            pages.setdefault(name, []).append(Waited(whole, sum(opened) - before))
            (middle,) = samples.page(home, listing, len(listing) // 2, 1)
            before = sum(opened)
            whole = timed(partial(samples.detail, home, middle.sample_id))
            details.append(Waited(whole, sum(opened) - before))
    every = [one for some in pages.values() for one in some]
    return {
        "opening": median(opened[1:]) * 1e3,
        "page": {name: median(one.beyond for one in some) for name, some in pages.items()},
        "p50": median(one.beyond for one in every),
        "p95": percentile([one.whole for one in every], 0.95),
        "p95_beyond": percentile([one.beyond for one in every], 0.95),
        "detail": median(one.beyond for one in details),
        "detail_p95": percentile([one.whole for one in details], 0.95),
        "detail_p95_beyond": percentile([one.beyond for one in details], 0.95),
    }


class Waited:
    """Milliseconds of one reader.

    Attributes:
        whole: All of them.
        beyond: Without those in which the database was opened.
    """

    def __init__(self, seconds: float, opening: float) -> None:
        self.whole = seconds * 1e3
        self.beyond = (seconds - opening) * 1e3


def facets(root: str, repeats: str) -> dict[str, Any]:
    """Count the values of each column, by each filter: milliseconds beyond openings."""
    home, opened = Home(Path(root)), openings()
    took: dict[str, list[float]] = {}
    for name, fields in filters(home).items():
        criteria = samples.filter_of(fields)
        for _ in range(int(repeats)):
            before = sum(opened)
            whole = timed(partial(samples.facets, home, criteria))
            took.setdefault(name, []).append((whole - sum(opened) + before) * 1e3)
    by_filter = {name: median(times) for name, times in took.items()}
    return {"by": by_filter, "p50": median(time for times in took.values() for time in times)}


def texts(root: str) -> dict[str, Any]:
    """The first page of a text filter: of a common word, and of what is nowhere."""
    home = Home(Path(root))
    told = {}
    asked = {"common": "coach", "nowhere": "zeppelin", "pattern": r"/zep+elins? \d/"}
    for name, text in asked.items():
        began = time.perf_counter()
        listing = samples.first(home, samples.filter_of({"text": text}), 100)
        samples.page(home, listing, 0, 100)
        told[name] = time.perf_counter() - began
    return told


def count(root: str) -> dict[str, Any]:
    """`select count(*) from samples`, as the SQL screen asks it."""
    home = Home(Path(root))
    seconds = timed(lambda: sql.query(home, "select count(*) from samples"))
    (row,) = sql.query(home, "select count(*) from samples").rows
    return {"seconds": seconds, "samples": row[0]}


def results(root: str, slug: str) -> dict[str, Any]:
    """An experiment's arm table, by each kind of interval."""
    from wgen_tui.services.results.results import compute
    from wgen_tui.services.statistics.intervals import Interval

    home = Home(Path(root))
    first = timed(lambda: compute(home, slug))
    told = {"first": first}
    kinds: tuple[Interval, ...] = ("t", "nested")
    for interval in kinds:
        told[interval] = median(
            timed(partial(compute, home, slug, interval=interval)) for _ in range(3)
        )
    return told


def given(root: str, slug: str) -> dict[str, Any]:
    """The arm table of a label given another judge's, and how many rows that takes of the store."""
    from experiments.schema import Given, Measure
    from wgen_tui.services.experiments import definitions
    from wgen_tui.services.measures.cells import count_cells
    from wgen_tui.services.measures.tallied import MeasureRows, tally
    from wgen_tui.services.rates.rate_table import RateTable

    home = Home(Path(root))
    definition = definitions.load(home, slug)
    assert definition.analysis is not None
    measure = Measure(judge="era", label="old", given=(Given(judge="travel", label="travels"),))
    changed = {"primary": ("given",), "measures": {"given": measure}}
    plan = definition.analysis.model_copy(update=changed)

    def asked() -> MeasureRows:
        with reading(home) as con:
            (item,) = tally(con, slug, plan, definition).measures
        RateTable(count_cells(item.rows), plan, "t", item.measured).rates(("question", "variant"))
        return item

    asked()
    seconds = median(timed(asked) for _ in range(3))
    rows = asked().rows
    return {"seconds": seconds, "rows": len(rows), "samples": sum(row.n for row in rows)}


def work(root: str, seconds: str) -> dict[str, Any]:
    """Be busy: workers that write, an ingest every second, and a query that searches all texts."""
    from tests.benchmarks.scale.homes import add

    home, number = Home(Path(root)), 0
    end = time.monotonic() + float(seconds)
    print("busy", flush=True)
    while time.monotonic() < end:
        add(home, 200, number)
        with suppress(StoreBusy):  # readers left no gap: the supervisor tries again, too
            ingest(files_of(home))
        sql.query(home, "select count(*) from samples where completion ilike '%zeppelin%'")
        number += 1
    return {"rounds": number}


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "ingest": take_in,
    "stock": stock,
    "reads": reads,
    "facets": facets,
    "texts": texts,
    "count": count,
    "results": results,
    "given": given,
    "work": work,
}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
