"""A GPU day: `make gpu`, or `python -m tests.gpu [PART ...] [--json FILE] [--minutes N]`.

Promises: correctness first, then ratios beside peers measured in the same run; it ends in time, and
says what it left out; one table, one JSON of at most 1 MB; exit code 1 when a check fails. Without
a GPU everything is tiny and only shows that the script works: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from tests.benchmarks.__main__ import machine
from tests.gpu.report import Report
from tests.gpu.session import GPU, TINY, OutOfTimeError, Session
from wgen_tui.workers.device.allocator import prefer_growing_segments

# In this order: name -> seconds that it may take on a GPU.
CHECKS = {
    "equality": 65,
    "sampling": 35,
    "resume": 20,
    "memory": 30,
    "placement": 50,
    "graphs": 20,
    "proof": 10,
    "quantised": 30,
    "judging": 40,
}
RATIOS = {"estimate": 32, "grid": 110, "draws": 55, "profile": 32}
PARTS = CHECKS | RATIOS
MINUTES = 8.0
GRACE = 30.0  # seconds after the end until a device that does not answer ends everything


@contextmanager
def _limit(session: Session, seconds: float) -> Iterator[None]:
    """End the part at hand when its time is up."""

    def ring(*_: object) -> None:
        raise OutOfTimeError(f"took more than {seconds:.0f} s")

    session.ends = time.monotonic() + seconds
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _run(session: Session, name: str, seconds: float) -> None:
    """Run a part; whatever it raises is a failed check, but for time."""
    began = time.monotonic()
    print(f"{name} (at most {seconds:.0f} s)", flush=True)
    try:
        with _limit(session, seconds):
            part: Any = import_module(f"tests.gpu.{name}")
            part.run(session)
    except OutOfTimeError as error:
        session.report.left_out(name, "the rest", f"time: {error}")
    except Exception as error:
        traceback.print_exc()
        session.report.check(name, "runs", ok=False, note=f"{type(error).__name__}: {error}"[:300])
    session.free()
    session.report.seconds[name] = time.monotonic() - began


@contextmanager
def _watch(report: Report, path: Path, seconds: float) -> Iterator[None]:
    """Should a device not answer any more: say what was found, and end."""

    def end() -> None:
        report.check("time", "ends", ok=False, note=f"not after {seconds:.0f} s")
        report.print()
        report.write(path)
        faulthandler.dump_traceback()
        os._exit(1)

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def main(words: Sequence[str]) -> int:
    """Do the parts; 1 when a check failed, 2 when a part's name is unknown."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--json", type=Path, default=Path("build/gpu.json"), help="where it goes")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for everything")
    options = parser.parse_args(words)
    if unknown := [name for name in options.parts if name not in PARTS]:
        parser.error(f"no part is named {unknown[0]}; there are {', '.join(PARTS)}")
    prefer_growing_segments()  # as a worker's launch does, before torch takes any memory
    warnings.simplefilter("ignore")
    logging.disable_progress_bar()
    names = [name for name in PARTS if not options.parts or name in options.parts]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    report = Report(machine())
    print(report.hardware, flush=True)
    ends = time.monotonic() + options.minutes * 60
    with (
        _watch(report, options.json, options.minutes * 60 + GRACE),
        tempfile.TemporaryDirectory(prefix="wgen-gpu-") as folder,
    ):
        sizes = GPU if device.type == "cuda" else TINY
        if sizes is TINY:
            torch.set_num_threads(1)  # more cost such models more than they give
        session = Session(device, sizes, Path(folder), report)
        for place, name in enumerate(names, start=1):
            left = ends - time.monotonic()
            if left < 1:
                report.left_out(name, "everything", "time: the whole has none left")
                continue
            later = sum(PARTS[other] for other in names[place:])
            # What the parts before have left over is this one's.
            _run(session, name, min(left, max(PARTS[name], left - later)))
    report.print()
    report.write(options.json)
    print(f"JSON: {options.json}")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
