"""Reads at scale: pages, one detail, facets, text filters, results; at rest and during ingest."""

from __future__ import annotations

import shutil

from tests.benchmarks.scale.figures import Figure, Report
from tests.benchmarks.scale.places import Place, copied
from tests.benchmarks.scale.processes import background, task

REPEATS = 5


def reads(place: Place, report: Report) -> None:
    """A page of 100 by each column filter, a detail, facets, and a text filter's first page."""
    root = place.ingested.root
    told = task("reads", root, REPEATS, watch=False).told
    worst = max(told["page"], key=told["page"].get)
    note = f"slowest by {worst}: {told['page'][worst]:.0f} ms; opening {told['opening']:.0f} ms"
    what = "page of 100 by a column, p50"
    report.add(Figure(what, told["p50"], "ms", 50, growth=2, note=note))
    report.add(Figure("one detail, p50", told["detail"], "ms", 50, growth=2))
    told = task("facets", root, REPEATS, watch=False).told
    worst = max(told["by"], key=told["by"].get)
    note = f"slowest by {worst}: {told['by'][worst]:.0f} ms; of all {told['by']['none']:.0f} ms"
    report.add(Figure("values and their counts, p50", told["p50"], "ms", 50, growth=2, note=note))
    told = task("texts", root, watch=False).told
    report.add(Figure("text filter, first page", told["common"], "s", 1.5))
    report.add(Figure("text filter, none", told["nowhere"], "s", 1.5))
    report.add(Figure("regex filter, none", told["pattern"], "s", 1.5))
    _during(place, report)


def _during(place: Place, report: Report) -> None:
    home = copied(place.ingested, place.scratch / "during")
    with background("work", home.root, 600):
        told = task("reads", home.root, REPEATS, watch=False).told
    for name, key in (("page of 100", "p95"), ("one detail", "detail_p95")):
        what = f"{name} during ingest, p95, opening included"
        note = f"{told[key + '_beyond']:.0f} ms beyond it"
        report.add(Figure(what, told[key], "ms", 250, note=note))
    shutil.rmtree(home.root)


def results(place: Place, report: Report) -> None:
    """The arm table of the first experiment, by Student's t and nested."""
    told = task("results", place.ingested.root, "scale-00", watch=False).told
    note = f"first {told['first']:.2f} s"
    report.add(Figure("results, arm table", told["t"], "s", 2.0, note=note))
    report.add(Figure("results, nested", told["nested"], "s", 2.0, told["t"], "t"))
    told = task("given", place.ingested.root, "scale-00", watch=False).told
    note = f"{told['rows']:,} rows of {told['samples']:,} samples reach Python"
    report.add(Figure("results, given another judge", told["seconds"], "s", 2.0, note=note))
