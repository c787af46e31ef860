"""Follow what the workers of a run write, launch after launch, until it ends or has no launch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from wgen_tui.paths import Home
from wgen_tui.run_files.tail import read_new_lines, tail_lines
from wgen_tui.services.runs.runs import RunList, launches_of

POLL_EVERY = 0.25  # seconds


def follow_log(home: Home, run_id: str, lines: int = 40) -> Iterator[str]:
    """The last lines of a run's logs, then each new one, until the run has ended.

    Yields:
        Whole lines without their end; of a line that was rewritten (a bar), what stood there last.
    """
    runs = RunList(home)
    offsets: dict[Path, int] = {}
    for name in launches_of(home, run_id):
        path = home.launch(name).log
        before = tail_lines(path, lines)
        if before:
            yield from before
            offsets[path] = path.stat().st_size
    while True:
        live = any(run.live and not run.unplanned for run in runs.refresh(run_ids=[run_id]))
        for name in launches_of(home, run_id):
            path = home.launch(name).log
            written, offsets[path] = read_new_lines(path, offsets.get(path, 0))
            for line in written:
                yield line.decode("utf-8", "replace").rsplit("\r", 1)[-1]
        if not live:
            return
        time.sleep(POLL_EVERY)
