"""Lines over an axis along, in characters: a mark for each series, its interval above and below.

Promises: every line is exactly as wide as asked for; both axes have numbers; series are told apart
by their marks, so nothing is lost without colour.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wgen_tui.ui.state.figures.axis import Estimate, is_number, label, place
from wgen_tui.ui.state.figures.figure import Lines

Piece = tuple[str, str]  # text, style
LEAST = (24, 4)  # cells and lines of a chart that says anything
BETWEEN = "·"


class Marked(NamedTuple):
    """How a series is drawn."""

    mark: str
    style: str


def charted(
    panel: Lines, width: int, height: int, marks: Mapping[str, Marked]
) -> list[list[Piece]]:
    """A chart as lines of pieces, its axes among them; nothing where there is no room.

    Args:
        panel: What is drawn.
        width: Cells.
        height: Lines, with the axis along and its numbers.
        marks: By the name of a series.
    """
    places = sorted({at for series in panel.series for at, _ in series.points})
    if width < LEAST[0] or height < LEAST[1] or not places:
        return []
    low, high = panel.axis
    names = [label(value, panel.unit) for value in (high, (low + high) / 2, low)]
    gutter = max(map(len, names))
    across, up = width - gutter - 1, height - 2
    grid: list[list[Piece]] = [[(" ", "")] * across for _ in range(up)]
    ends = (places[0], places[-1])
    for series in panel.series:
        marked = marks.get(series.name, Marked("●", ""))
        _draw(grid, [(at, e) for at, e in series.points if is_number(e.value)], ends, panel, marked)
    rows = {0: names[0], up // 2: names[1], up - 1: names[2]} if up > 2 else {0: names[0]}
    drawn: list[list[Piece]] = []
    for number, line in enumerate(grid):
        name = rows.get(number, "")
        side = "┤" if name else "│"
        drawn.append([(f"{name:>{gutter}}{side}", "dim"), *line])
    ticks = _ticks(places, ends, across)
    axis = "".join("┬" if x in ticks else "─" for x in range(across))
    numbers = _numbers(ticks, panel, across)
    return [
        *drawn,
        [(" " * gutter + f"└{axis}", "dim")],
        [(" " * (gutter + 1) + numbers, "dim")],
    ]


def _draw(
    grid: list[list[Piece]],
    points: Sequence[tuple[float, Estimate]],
    ends: tuple[float, float],
    panel: Lines,
    marked: Marked,
) -> None:
    across, up = len(grid[0]), len(grid)

    def x_of(at: float) -> int:
        return place(at, ends, across)

    def y_of(value: float) -> int:
        return up - 1 - place(value, panel.axis, up)

    for (one, first), (other, second) in itertools.pairwise(points):
        left, right = x_of(one), x_of(other)
        for x in range(left + 1, right):
            share = (x - left) / (right - left)
            y = y_of((first.value or 0.0) * (1 - share) + (second.value or 0.0) * share)
            if grid[y][x][0] == " ":
                grid[y][x] = (BETWEEN, marked.style)
    for at, estimate in points:
        x = x_of(at)
        if estimate.low is not None and estimate.high is not None:
            for y in range(y_of(estimate.high), y_of(estimate.low) + 1):
                if grid[y][x][0] in (" ", BETWEEN):
                    grid[y][x] = ("│", marked.style)
        grid[y_of(estimate.value or 0.0)][x] = (marked.mark, marked.style)


def _ticks(places: Sequence[float], ends: tuple[float, float], across: int) -> dict[int, float]:
    """The cells of the axis along that have a point."""
    return {place(at, ends, across): at for at in places}


def _numbers(ticks: Mapping[int, float], panel: Lines, across: int) -> str:
    """Numbers under the points, where there is room for them; the last one always stands."""
    last = max(ticks)
    words = panel.labels.get(ticks[last], f"{ticks[last]:g}")
    end = min(last + 1, across)
    line = " " * max(end - len(words), 0) + words
    taken = len(line) - len(words)
    head = ""
    for x, at in sorted(ticks.items()):
        shown = panel.labels.get(at, f"{at:g}")
        start = max(min(x - len(shown) // 2, across - len(shown)), 0)
        if (not head or start > len(head)) and start + len(shown) < taken:
            head = head.ljust(start) + shown
    return (head + line[len(head) :])[:across].ljust(across)
