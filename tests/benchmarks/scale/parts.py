"""The parts of the benches at scale: which there are, how they are chosen, and their table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.scale import bench_reads, bench_screens, bench_store
from tests.benchmarks.scale.figures import Report, table
from tests.benchmarks.scale.places import Place

FOLDER = Path("build/scale")
PARTS: dict[str, Callable[[Place, Report], None]] = {
    "frames": bench_screens.frames,
    "definitions": bench_screens.definitions,
    "reads": bench_reads.reads,
    "results": bench_reads.results,
    "grading": bench_screens.grading,
    "keys": bench_screens.keys,
    "memory": bench_screens.memory,
    "idle": bench_screens.idle,
    "ingest": bench_store.ingest,
    "additions": bench_store.additions,
    "pending": bench_store.pending,
    "checks": bench_store.checks,
    "export": bench_store.export,
}
ONCE = ("definitions",)  # what the number of samples does not change: at the last size only


def add_options(parser: argparse.ArgumentParser) -> None:
    """The sizes and the place of the homes."""
    parser.add_argument(
        "--samples",
        default="10000,100000",
        metavar="N,N",
        help="sizes of the homes, ascending; the growth is that from the first to the last",
    )
    parser.add_argument(
        "--homes", type=Path, default=FOLDER, help="where homes are kept for the next time"
    )


def run(parts: Sequence[str], samples: str, folder: Path) -> list[Report]:
    """Measure these parts, size after size, and print the table."""
    reports = []
    numbers = sorted({int(text) for text in samples.split(",")})
    for number in numbers:
        place, report = Place(folder.absolute(), number), Report(number)
        print(f"{number:,} samples", flush=True)
        for name in parts or PARTS:
            if name not in ONCE or number == numbers[-1]:
                PARTS[name](place, report)
        reports.append(report)
    print(f"\n{table(reports)}", flush=True)
    return reports
