"""What a command says while it checks data: nothing in the first second, then how far it is.

Promises: a bar on a terminal, gone when the work is done; elsewhere a line at first and every
`AGAIN` seconds; all on stderr.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from wgen_tui.cli.output import say
from wgen_tui.terminal_text import printable

if TYPE_CHECKING:
    from wgen_tui.services.experiments.data_checks import OnProgress

AFTER = 1.0  # seconds
AGAIN = 10.0
MB = 1_000_000


@contextmanager
def patiently(doing: str, unit: str = "examples") -> Iterator[OnProgress]:
    """Say how far work is that may take long.

    Args:
        doing: What is done, as "Checking the data of my-experiment".
        unit: Of what is counted.

    Yields:
        What is to be called with how much is done, and of how much.
    """
    state = [0, 0]

    def on_progress(done: int, total: int) -> None:
        state[:] = done, total

    ended = Event()
    shown = _bar if sys.stderr.isatty() else _lines
    teller = Thread(target=shown, args=(doing, unit, state, ended), daemon=True)
    teller.start()
    try:
        yield on_progress
    finally:
        ended.set()
        teller.join()


@contextmanager
def while_taking_in() -> Iterator[OnProgress]:
    """Say how far an ingest is that a command waits for, in megabytes of files."""
    with patiently("Taking in what runs wrote", "MB") as on_progress:
        yield lambda done, total: on_progress(done // MB, max(1, total // MB))


def _lines(doing: str, unit: str, state: list[int], ended: Event) -> None:
    wait = AFTER
    began = time.monotonic()
    while not ended.wait(wait):
        wait = AGAIN
        done, total = state
        far = f": {done:,} of {total:,} {unit}" if total else ""
        say(f"{doing}{far} ({time.monotonic() - began:.0f} s)…")


def _bar(doing: str, unit: str, state: list[int], ended: Event) -> None:
    if ended.wait(AFTER):
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=2,
    ) as progress:
        task = progress.add_task(printable(doing, keep_newlines=False), total=None)
        while not ended.wait(0.5):
            done, total = state
            progress.update(task, completed=done, total=total or None)
