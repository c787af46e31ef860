"""Starts of the screens, in turns with those of an empty Textual application."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median

from tests.benchmarks.scale.processes import PROGRAM
from tests.benchmarks.scale.terminal import Terminal
from wgen_tui.paths import Home

EMPTY = (sys.executable, "-m", "tests.benchmarks.scale.empty_app")
SHOWS_EMPTY, SHOWS = "first frame here", "1 Experiments"
STARTS = 5


def screens_of(home: Home) -> Terminal:
    """A terminal with the screens in it, of somebody who has a name: root is asked for one."""
    return Terminal((PROGRAM, "--home", home.root), {"LOGNAME": "bench"})


def starts(home: Home) -> tuple[float, float, float]:
    """Seconds to the empty application's first frame, to ours, and to our first rows."""
    empty, frame, rows = [], [], []
    with screens_of(home) as terminal:  # once before: the first start compiles
        terminal.wait(SHOWS)
    for _ in range(STARTS):
        with Terminal(EMPTY) as terminal:
            empty.append(terminal.wait(SHOWS_EMPTY) - terminal.began)
        with screens_of(home) as terminal:
            frame.append(terminal.wait(SHOWS) - terminal.began)
            rows.append(terminal.wait("scale-00") - terminal.began)
    return median(empty), median(frame), median(rows)


def cpu_of_starts(home: Home, scratch: Path) -> tuple[float, float]:
    """CPU seconds to the empty application's first frame, and to ours."""
    target = scratch / "first-frame"
    taken = [(_taken(target, SHOWS_EMPTY), _taken(target, SHOWS, home.root)) for _ in range(STARTS)]
    return median(empty for empty, _ in taken), median(frame for _, frame in taken)


def _taken(target: Path, shows: str, *home: object) -> float:
    target.unlink(missing_ok=True)
    command = (sys.executable, "-m", "tests.benchmarks.scale.first_frame", target, *home)
    with Terminal(command) as terminal:
        terminal.wait(shows)
        while not target.exists() or not target.read_text():
            time.sleep(0.01)
    return float(target.read_text())
