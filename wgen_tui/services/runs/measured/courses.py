"""Courses of trainings as their metrics.jsonl has them, read as they grow, of several runs at once.

Promises: a line is read once; what was read of the runs asked for least recently is forgotten, so
memory is bounded by the runs that are compared, not by those that were seen.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple

from experiments.seen_files import stamp
from wgen_tui.paths import Home
from wgen_tui.run_files.tail import read_new_lines

KEPT = 32  # runs whose courses are in memory
MEASURED = ("loss", "learning_rate", "grad_norm", "tokens_per_second")


class Point(NamedTuple):
    """One step; NaN is what was not measured, or came out as none (JSON knows no NaN: null)."""

    step: int
    loss: float
    learning_rate: float
    grad_norm: float
    tokens_per_second: float
    steps: int


def point_of(line: bytes) -> Point | None:
    """A line of metrics.jsonl; None for one that was torn by a power cut."""
    try:
        row = json.loads(line)
        step, steps = row["step"], row["steps"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(step, int) or not isinstance(steps, int):
        return None
    numbers = (_number(row.get(name)) for name in MEASURED)
    loss, learning_rate, grad_norm, tokens_per_second = numbers
    return Point(step, loss, learning_rate, grad_norm, tokens_per_second, steps)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


class Course(NamedTuple):
    """A training so far.

    Attributes:
        steps: How many there will be.
        points: By step, ascending; of a step written twice the newer line counts.
    """

    steps: int
    points: tuple[Point, ...]


@dataclass(slots=True)
class _File:
    inode: int
    offset: int = 0
    points: dict[int, Point] = field(default_factory=dict)
    course: Course | None = None


class Courses:
    """Reads courses. For any thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._files: OrderedDict[str, _File] = OrderedDict()
        self._lock = Lock()

    def read(self, run_id: str) -> Course | None:
        """A run's course; None before its first step. Asking again reads what is new."""
        with self._lock:
            return self._read(run_id)

    def _read(self, run_id: str) -> Course | None:
        path = self._home.run(run_id).metrics
        now = stamp(path)
        if now is None:
            self._files.pop(run_id, None)
            return None
        file = self._files.get(run_id)
        if file is None or file.inode != now[2] or now[0] < file.offset:
            file = self._files[run_id] = _File(now[2])
        self._files.move_to_end(run_id)
        while len(self._files) > KEPT:
            self._files.popitem(last=False)
        if now[0] > file.offset:
            lines, file.offset = read_new_lines(path, file.offset)
            _take(file, lines)
        return file.course


def _take(file: _File, lines: list[bytes]) -> None:
    read = [point for line in lines if (point := point_of(line)) is not None]
    if not read:
        return
    file.points |= {point.step: point for point in read}
    ordered = tuple(file.points[step] for step in sorted(file.points))
    file.course = Course(read[-1].steps, ordered)
