"""Every benchmark, as docs/benchmarks.md shows it: `make bench`, or `python -m tests.benchmarks`.

Parts and sizes by `make bench ARGS="scale --samples 10000,1000000"`: `grid`, `sampling`, `judge`,
`scale`, or a part of the last. Measures on an otherwise idle machine only: the first line says what
else ran.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch

from tests.benchmarks import bench_grid, bench_judge, bench_sampling
from tests.benchmarks.checkout import commit

PACKAGES = ("torch", "transformers", "peft", "trl", "duckdb", "textual")
PARTS = ("grid", "sampling", "judge", "scale")


def machine() -> str:
    """What is measured on: the line above the tables."""
    cores = f"{psutil.cpu_count()} cores, {processor()}"
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GB"
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    versions = ", ".join(map(installed, PACKAGES))
    system = f"{platform.system()} {platform.release()}"
    today = datetime.now(UTC).date()
    return (
        f"{today} · {commit()} · {cores} · {memory} · {gpu} · {system} · "
        f"Python {platform.python_version()}, {versions} · "
        f"load {os.getloadavg()[0]:.1f} at the start"
    )


def installed(name: str) -> str:
    """A package with its version; a GPU box may lack one."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _grid() -> list[str]:
    """Training and its memory; the bars that were missed."""
    grid = bench_grid.run()
    print(f"{bench_grid.table(grid)}\n", flush=True)
    together, apart = bench_grid.memory()
    print(f"{bench_grid.memory_line(together, apart)}\n", flush=True)
    missed = list(bench_grid.missed(grid))
    if together > bench_grid.MEMORY_BAR * apart:
        missed.append(f"memory: {together / apart:.2f} of at most {bench_grid.MEMORY_BAR}")
    return missed


def _sampling() -> list[str]:
    """Sampling; the bars that were missed."""
    sampling = bench_sampling.run()
    print(f"{bench_sampling.table(sampling)}\n", flush=True)
    return list(bench_sampling.missed(sampling))


def _judge() -> list[str]:
    """A local judge's verdicts; the bars that were missed."""
    judged = bench_judge.run()
    print(f"{bench_judge.table(judged)}\n", flush=True)
    return bench_judge.missed(judged)


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and say which bars were missed; 1 if any was."""
    # Only here: a GPU day asks this module for the machine, and may lack what screens need.
    from tests.benchmarks.scale import figures
    from tests.benchmarks.scale import parts as scale

    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    every = [*PARTS, *scale.PARTS]
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(every))
    scale.add_options(parser)
    given = parser.parse_args(arguments)
    if unknown := set(given.parts) - set(every):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    chosen = given.parts or PARTS
    print(f"{machine()}\n", flush=True)
    missed: list[str] = []
    if "grid" in chosen:
        missed += _grid()
    if "sampling" in chosen:
        missed += _sampling()
    if "judge" in chosen:
        missed += _judge()
    at_scale = [name for name in scale.PARTS if name in chosen or "scale" in chosen]
    if at_scale:
        missed += figures.missed(scale.run(at_scale, given.samples, given.homes))
    for line in missed:
        print(f"missed: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
