"""The store at scale: ingest beside stock DuckDB, additions, checks, export, pending parts.

Every piece of work runs in a process of its own. Ours and the peer's are timed on the same files,
one after the other, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import shutil
from functools import partial
from statistics import median

from tests.benchmarks.scale.definitions import Size
from tests.benchmarks.scale.figures import Figure, Report
from tests.benchmarks.scale.homes import add
from tests.benchmarks.scale.places import Place, copied, kept
from tests.benchmarks.scale.processes import product, task

THIRD = 3.0  # ours may take three times as long as stock DuckDB
SMALL_PARTS = 10  # rows in a part
SMALL_SAMPLES = 10_000
TOKEN_SAMPLES = 100_000
PENDING = 100_000
ADDED = 1000
REPEATS = 3
MB = 1e6


def ingest(place: Place, report: Report) -> None:
    """Text, token log-probabilities, three grades a sample, a model's verdicts, parts of ten."""
    small = min(place.samples, SMALL_SAMPLES)
    fewer = min(place.samples, TOKEN_SAMPLES)
    drawn = kept(place.folder, fewer, tokens=True)
    judged = kept(place.folder, fewer, judged=True)
    parts = kept(place.folder, small, part_rows=SMALL_PARTS)
    kinds = (
        ("text", place.files, ("grades", "tokens"), ("samples",)),
        ("token log-probabilities", drawn, ("grades",), ("samples", "tokens")),
        ("three grades a sample", place.files, ("tokens",), ("samples", "grades")),
        ("a model's verdicts", judged, ("tokens",), ("samples", "grades", "verdicts")),
        (f"parts of {SMALL_PARTS} rows", parts, ("grades", "tokens"), ("samples",)),
    )
    for name, home, without, scans in kinds:
        ours, theirs, peak, rows = [], [], 0.0, 0
        for _ in range(REPEATS if place.samples <= 100_000 else 1):
            root = copied(home, place.scratch / "ingest", without=without).root
            theirs.append(
                task("stock", root, place.scratch / "stock.duckdb", *scans).told["seconds"]
            )
            done = task("ingest", root)
            ours.append(done.told["seconds"])
            peak, rows = max(peak, done.peak_mb), done.told["rows"]["sample"]
        rate = rows / median(ours)
        note = f"{rate:,.0f} samples/s, peak {peak:.0f} MB"
        what = f"ingest, {name}"
        report.add(Figure(what, median(ours), "s", THIRD, median(theirs), "DuckDB", note=note))
    shutil.rmtree(place.scratch / "ingest", ignore_errors=True)


def additions(place: Place, report: Report) -> None:
    """A thousand more samples with their grades, and nothing new."""
    home = copied(place.ingested, place.scratch / "added")
    more, nothing = [], []
    for number in range(REPEATS):
        add(home, ADDED, number)
        more.append(task("ingest", home.root, watch=False).told["seconds"])
        nothing.append(task("ingest", home.root, watch=False).told["seconds"])
    report.add(Figure(f"ingest of {ADDED:,} more", median(more), "s", 0.5))
    report.add(Figure("ingest of nothing new", median(nothing), "s", 0.15))
    shutil.rmtree(home.root)


def checks(place: Place, report: Report) -> None:
    """Verify and rebuild: their peaks of unique memory, and how long they take."""
    home = copied(place.ingested, place.scratch / "checked")
    done = product(home.root, "store", "verify")
    report.add(Figure("store verify, peak", done.peak_mb, "MB", 800, note=f"{done.seconds:.1f} s"))
    done = product(home.root, "store", "rebuild")
    report.add(Figure("store rebuild, peak", done.peak_mb, "MB", 800, note=f"{done.seconds:.1f} s"))
    shutil.rmtree(home.root)


def export(place: Place, report: Report) -> None:
    """Every sample with its labels, as CSV and as Parquet; three times as many grades by SQL."""
    for form, bar in (("csv", 50_000), ("parquet", 200_000)):
        target = place.scratch / f"export.{form}"
        command = ("sample", "export", "--format", form, "--output", target)
        done = product(place.ingested.root, *command)
        rows = Size.of(place.samples).samples
        note = f"{done.seconds:.1f} s, {target.stat().st_size / MB:,.0f} MB"
        rate = rows / done.seconds
        report.add(Figure(f"export, {form}", rate, "rows/s", bar, least=True, note=note))
        report.add(Figure(f"export, {form}, peak", done.peak_mb, "MB", 600))
        target.unlink()
    target = place.scratch / "grades.csv"
    command = ("sql", "select * from grades", "--format", "csv", "--output", target)
    done = product(place.ingested.root, *command)
    with target.open("rb") as stream:
        rows = sum(block.count(b"\n") for block in iter(partial(stream.read, 1 << 20), b"")) - 1
    note = f"{rows:,} rows in {done.seconds:.1f} s, peak {done.peak_mb:.0f} MB"
    report.add(Figure("every grade by sql, csv", rows / done.seconds, "rows/s", note=note))
    target.unlink()


def pending(place: Place, report: Report) -> None:
    """Counting samples that are not ingested yet beside counting ingested ones."""
    less = Place(place.folder, min(place.samples, PENDING))
    ours, theirs = [], []
    root = copied(less.files, place.scratch / "pending").root
    first = task("count", root)
    for _ in range(REPEATS):
        theirs.append(task("count", less.ingested.root, watch=False).told["seconds"])
        ours.append(task("count", root, watch=False).told["seconds"])
    note = (
        f"{less.samples:,}; the first, which ingests them, {first.told['seconds']:.2f} s, "
        f"peak {first.peak_mb:.0f} MB"
    )
    report.add(
        Figure(
            "count of pending samples",
            median(ours),
            "s",
            2.0,
            median(theirs),
            "ingested",
            note=note,
        )
    )
    shutil.rmtree(root)
