"""The screens at scale, on a terminal of 120 by 40: frames, keys, bytes, grading, memory, idling.

The first frame and the first rows are held against the first frame of an empty Textual application,
started in turns with ours.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from statistics import mean, median

import psutil

from tests.benchmarks.scale.definitions import Size, define
from tests.benchmarks.scale.figures import Figure, Report
from tests.benchmarks.scale.places import Place, copied
from tests.benchmarks.scale.processes import Memory, background, product
from tests.benchmarks.scale.starts import cpu_of_starts, screens_of, starts
from tests.benchmarks.scale.tasks import percentile
from tests.benchmarks.scale.terminal import LINES, Terminal
from wgen_tui.paths import Home
from wgen_tui.services.runs.runs import list_runs

DEFINITIONS = 500
PACE = 0.06  # seconds between keys: a key that is held repeats faster, a finger is slower
KEYS = 80
ROWS = 200  # a walk turns back at the end of a list, or after as many
ENDS = (b"the last row", b"the first row")  # what a key says that moves nothing
GRADES = 30
ANSWER = 200  # bytes of a repaint with another answer; with the counters alone it has half as many
IDLE_SECONDS = 5.0
APPEARS = 30.0  # seconds until a screen must have shown that; a million samples take a few
# The screen -> its key, and what it shows once its rows are there.
SCREENS = {
    "Experiments": ("1", "scale-00"),
    "Runs": ("2", "finished"),
    "Samples": ("3", "question_00"),
    "Grade": ("4", "graded"),
    "Results": ("5", "minus"),
    "SQL": ("6", "columns"),
}

# Experiments is what a start shows: a key that goes where one is paints nothing.
LAST_FIRST = (*list(SCREENS)[1:], "Experiments")
SETTLED = 10.0  # seconds; Runs says every second or so how busy the machine is, and never rests


def _first(home: Home, place: Place, report: Report, of: str = "") -> None:
    """First frame, by the clock and by what it took, and first rows."""
    empty, frame, rows = starts(home)
    report.add(Figure(f"first frame{of}", frame, "s", 1.5, empty, "empty app"))
    report.add(Figure(f"first rows{of}", rows, "s", 3.0, empty, "empty app"))
    empty, frame = cpu_of_starts(home, place.scratch)
    report.add(Figure(f"first frame{of}, CPU", frame, "s", 1.5, empty, "empty app"))


def frames(place: Place, report: Report) -> None:
    """First frame and first rows beside an empty application."""
    home = place.ingested
    _first(home, place, report)
    for name in ("Samples", "Results"):
        opened = []
        for _ in range(3):
            with screens_of(home) as terminal:
                terminal.wait("scale-00")
                terminal.settle()
                at = time.monotonic()
                opened.append(_go(terminal, name) - at)
        report.add(Figure(f"{name}, first rows after its key", median(opened), "s"))


def definitions(place: Place, report: Report) -> None:
    """Five hundred definitions: first frame, first rows, `experiment list`, idling."""
    root = place.scratch / "definitions"
    shutil.rmtree(root, ignore_errors=True)
    home = Home(root).ensure()
    for number in range(DEFINITIONS):
        define(home, f"scale-{number:02d}", number, Size(1, 10, 20))
    name = f"{DEFINITIONS} definitions"
    lists = [product(home.root, "experiment", "list", watch=False).seconds for _ in range(3)]
    report.add(Figure(f"experiment list, {name}", median(lists), "s", 1.5))
    _first(home, place, report, f", {name}")
    with screens_of(home) as terminal:
        terminal.wait("scale-00")
        terminal.settle()
        report.add(Figure(f"idle CPU, {name}", _idle(terminal.pid), "%", 3))
    shutil.rmtree(root)


def _idle(pid: int) -> float:
    """Percent of one core that a process and its children take while nothing is pressed."""

    def spent() -> float:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in family if one.is_running())

    time.sleep(2)
    before, began = spent(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    return 100 * (spent() - before) / (time.monotonic() - began)


def _press(terminal: Terminal, keys: int, rows: int) -> tuple[list[float], list[int]]:
    """Hold `j`, and `k` from the end of the list on.

    Returns:
        Milliseconds from each key to the first output, and bytes from each key to the next.

    Raises:
        RuntimeError: a key painted nothing, or moved nothing: its figures are none of the cursor's.
    """
    waits, sizes = [], []
    for number in range(keys):
        before = terminal.place
        at = terminal.type("j" if number // (rows - 1) % 2 == 0 else "k")
        painted = terminal.output_after(before)
        if painted is None:
            raise RuntimeError(f"Key {number} painted nothing.")
        waits.append(1e3 * (painted - at))
        time.sleep(max(0.0, PACE - (time.monotonic() - at)))
        sent = terminal.since(before)
        if any(end in sent for end in ENDS):
            raise RuntimeError(f"Key {number} moved nothing: the list has fewer than {rows} rows.")
        sizes.append(len(sent))
    return waits, sizes


def _go(terminal: Terminal, name: str) -> float:
    """Press the key of a screen; returns when its rows were there.

    Raises:
        TimeoutError: they never came; the message says on which screen, and what it shows.
    """
    key, shows = SCREENS[name]
    before = terminal.place
    terminal.type(key)
    try:
        return terminal.wait(shows, since=before, limit=APPEARS)
    except TimeoutError as error:
        raise TimeoutError(f"{name}: {error}") from None


def _open(terminal: Terminal, name: str) -> None:
    terminal.wait("scale-00")
    terminal.settle()
    _go(terminal, name)
    terminal.settle(1.0, 10)


def keys(place: Place, report: Report) -> None:
    """Key to paint and bytes per key at rest; key to paint while workers write and a query runs."""
    home = copied(place.ingested, place.scratch / "keys")
    groups = list(Counter(run.experiment for run in list_runs(home)).items())
    unfolded = len(groups) + min(groups)[1]  # enter unfolds the first
    for name, listed, unfold in (("Samples", ROWS, ""), ("Runs", min(unfolded, ROWS), "\r")):
        with screens_of(home) as terminal:
            _open(terminal, name)
            terminal.type(unfold)
            terminal.settle(1.0, 10)
            waits, sizes = _press(terminal, KEYS, listed)
            p95 = percentile(waits, 0.95)
            note = f"median {median(waits):.0f} ms"
            report.add(Figure(f"{name}: key to paint, p95 idle", p95, "ms", 20, note=note))
            report.add(Figure(f"{name}: bytes per key, median", median(sizes), "bytes", 100))
            report.add(Figure(f"{name}: bytes per key, mean", mean(sizes), "bytes", 300))
            with background("work", home.root, 600):
                time.sleep(1)
                waits, _ = _press(terminal, KEYS, listed)
            p95 = percentile(waits, 0.95)
            note = f"median {median(waits):.0f} ms"
            report.add(Figure(f"{name}: key to paint, p95 busy", p95, "ms", 50, note=note))
    shutil.rmtree(home.root)


def grading(place: Place, report: Report) -> None:
    """From a grading key to the next sample on the screen."""
    home = copied(place.ingested, place.scratch / "grading")
    waits = []
    with screens_of(home) as terminal:
        _open(terminal, "Grade")
        for _ in range(GRADES):
            before = terminal.place
            at = terminal.type("o")
            waits.append(1e3 * (terminal.wait_for_bytes(ANSWER, since=before) - at))
            time.sleep(0.2)
    note = f"p95 {percentile(waits, 0.95):.0f} ms, first {waits[0]:.0f} ms"
    report.add(Figure("grading key to next sample", median(waits), "ms", 50, note=note))
    shutil.rmtree(home.root)


def memory(place: Place, report: Report) -> None:
    """Peak of unique memory: every screen is opened, its list gone through to the end and back."""
    peaks: dict[str, float] = {}
    with screens_of(place.ingested) as terminal:
        terminal.wait("scale-00")
        for name in LAST_FIRST:
            with Memory(terminal.pid) as seen:
                _go(terminal, name)
                terminal.settle(1.5, SETTLED)
                if name != "Grade":  # there a letter may be a grade
                    for keys_pressed in ("j" * LINES, "G", "g"):
                        terminal.type(keys_pressed)
                        terminal.settle(1.0, SETTLED)
            peaks[name] = seen.peak_mb
    note = ", ".join(f"{name} {peak:.0f}" for name, peak in peaks.items())
    report.add(Figure("screens, peak", max(peaks.values()), "MB", 150, note=note))


def idle(place: Place, report: Report) -> None:
    """Percent of a core that each screen takes while nothing happens."""
    shares: dict[str, float] = {}
    with screens_of(place.ingested) as terminal:
        terminal.wait("scale-00")
        for name in LAST_FIRST:
            _go(terminal, name)
            terminal.settle(1.0, SETTLED)
            shares[name] = _idle(terminal.pid)
    note = ", ".join(f"{name} {share:.1f}" for name, share in shares.items())
    report.add(Figure("idle CPU, worst screen", max(shares.values()), "%", 3, note=note))
