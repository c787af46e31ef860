"""The losses of many runs at a glance: a few lines of each metrics.jsonl, spread over it.

Promises: of one file at most `MOST_BYTES` are read however long it is, and nothing of one that is
what it was; so a page of a list costs the same after a million steps as after a thousand.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from experiments.seen_files import Stamp, stamp
from wgen_tui.paths import Home
from wgen_tui.plain_files import open_plain
from wgen_tui.services.runs.measured.courses import point_of

MOST_BYTES = 48 * 1024
PLACES = 48  # of a file that is longer: where it is read
BLOCK = MOST_BYTES // PLACES  # bytes at each of them; a line has about 250
KEPT = 400  # runs


class Glimpse(NamedTuple):
    """What a row of a list shows of a training.

    Attributes:
        losses: Spread over the steps, ascending; of a long training not of every step. NaN is one.
        grad_norm: Of the last step; None where it was not measured.
        tokens_per_second: Likewise.
    """

    losses: tuple[float, ...] = ()
    grad_norm: float | None = None
    tokens_per_second: float | None = None


NOTHING = Glimpse()


class Glimpses:
    """Reads glimpses. For any thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._seen: OrderedDict[str, tuple[Stamp, Glimpse]] = OrderedDict()
        self._lock = Lock()

    def read(self, run_ids: Iterable[str]) -> dict[str, Glimpse]:
        """Of each of these runs; an empty one where there is no step yet."""
        with self._lock:
            return {run_id: self._read(run_id) for run_id in run_ids}

    def _read(self, run_id: str) -> Glimpse:
        path = self._home.run(run_id).metrics
        now = stamp(path)
        if now is None:
            self._seen.pop(run_id, None)
            return NOTHING
        seen = self._seen.get(run_id)
        if seen is None or seen[0] != now:
            seen = self._seen[run_id] = (now, _glimpse(path, now[0]))
        self._seen.move_to_end(run_id)
        while len(self._seen) > KEPT:
            self._seen.popitem(last=False)
        return seen[1]


def _glimpse(path: Path, size: int) -> Glimpse:
    points = [point for line in _some_lines(path, size) if (point := point_of(line)) is not None]
    if not points:
        return NOTHING
    points.sort(key=lambda point: point.step)
    last = points[-1]
    return Glimpse(
        tuple(point.loss for point in points),
        last.grad_norm if math.isfinite(last.grad_norm) else None,
        last.tokens_per_second if math.isfinite(last.tokens_per_second) else None,
    )


def _some_lines(path: Path, size: int) -> Iterator[bytes]:
    """All whole lines of a short file; of a long one the first at each place, and the last."""
    try:
        with open_plain(path) as stream:
            if size <= MOST_BYTES:
                yield from stream.read(MOST_BYTES).split(b"\n")
                return
            for place in range(PLACES):
                stream.seek(place * (size - BLOCK) // (PLACES - 1))
                lines = stream.read(BLOCK).split(b"\n")
                # What stands before the first line break is the end of a line that began earlier.
                whole = lines[:-1] if place == 0 else lines[1:-1]
                yield from whole[-1:] if place == PLACES - 1 else whole[:1]
    except OSError:
        return  # the log and the curves say what is wrong with it
