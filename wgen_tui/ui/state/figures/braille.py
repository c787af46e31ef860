"""Lines in braille dots, two by four in a cell, with numbers on both axes.

Promises: every line is exactly as wide as asked for; however many points a line has, what is drawn
of it in one column of dots goes from its lowest to its highest point there, so that no peak is
lost; what is not a number leaves a gap. In the last column each line has its letter, at the height
of its end or as near to that as there is room: it tells lines apart without colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from wgen_tui.ui.state.figures.axis import place, round_steps, round_values

Piece = tuple[str, str]  # text, style
Dot = tuple[int, int]
LEAST = (24, 4)  # cells and lines of a chart that says anything
BLANK = 0x2800
BITS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # by column and row of a cell's dots
TEN_TIMES = 10.0  # a log axis over less than that has the numbers of a plain one
BETWEEN = 9  # cells at least from one number of the axis along to the next


class Line(NamedTuple):
    """One line.

    Attributes:
        letter: What stands at its end.
        style: Of its dots.
        points: By their place along, ascending.
    """

    letter: str
    style: str
    points: Sequence[tuple[float, float]]


class Frame(NamedTuple):
    """What the axes go over.

    Attributes:
        log: Whether the axis up is logarithmic; what is not above zero leaves a gap then.
    """

    along: tuple[float, float]
    up: tuple[float, float]
    log: bool = False


def framed(lines: Iterable[Line], *, log: bool = False) -> Frame | None:
    """The frame that all these lines fit into; None where there is nothing to draw."""
    places: list[float] = []
    values: list[float] = []
    for line in lines:
        kept = [(x, y) for x, y in line.points if math.isfinite(y) and (y > 0 or not log)]
        if kept:
            ys = [y for _, y in kept]
            places += (kept[0][0], kept[-1][0])
            values += (min(ys), max(ys))
    if not values:
        return None
    low, high = min(values), max(values)
    if low == high:  # a level line stands in the middle
        half = abs(low or 1.0) / 2
        low, high = (low / 2, high * 2) if log else (low - half, high + half)
    return Frame((min(places), max(places)), (low, high), log)


def drawn(lines: Sequence[Line], frame: Frame, width: int, height: int) -> list[list[Piece]]:
    """The lines with their axes; the first one lies on top. Nothing where there is no room.

    Args:
        lines: What is drawn.
        frame: What the axes go over.
        width: Cells.
        height: Lines, with the axis along and its numbers.
    """
    if width < LEAST[0] or height < LEAST[1]:
        return []
    up = height - 2
    names = _ticks_up(frame, up)
    gutter = max(map(len, names.values()))
    across = width - gutter - 2  # the last column is for letters
    grid = _Grid(across, up)
    for line in reversed(lines):
        grid.draw(line, frame)
    shown = []
    for row, cells in enumerate(grid.rows()):
        name = names.get(row, "")
        shown.append([(f"{name:>{gutter}}{'┤' if name else '│'}", "dim"), *cells])
    ticks = _ticks_along(frame.along, across)
    axis = "".join("┬" if x in ticks else "─" for x in range(across))
    return [
        *shown,
        [(" " * gutter + f"└{axis} ", "dim")],
        [(" " * (gutter + 1) + _numbers(ticks, across) + " ", "dim")],
    ]


class _Grid:
    """Cells of dots, each with the style of what was drawn last, and a column of letters."""

    def __init__(self, across: int, up: int) -> None:
        self._dots = [[0] * across for _ in range(up)]
        self._styles = [[""] * across for _ in range(up)]
        self._ends: list[tuple[Line, int]] = []
        self._size = (2 * across, 4 * up)

    def draw(self, line: Line, frame: Frame) -> None:
        """Draw a line over those that were drawn before."""
        dots = list(_dots(line.points, frame, self._size))
        for run in dots:
            for x, y in _connected(run):
                row, column = y // 4, x // 2
                self._dots[row][column] |= BITS[x % 2][y % 4]
                self._styles[row][column] = line.style
        if dots:
            self._ends.append((line, dots[-1][-1][1] // 4))

    def _letters(self) -> dict[int, Piece]:
        """Row → a line's letter: the first line's at its end, others as near as there is space."""
        letters: dict[int, Piece] = {}
        for line, end in reversed(self._ends):
            free = [row for row in range(len(self._dots)) if row not in letters]
            if free:
                row = min(free, key=lambda row: (abs(row - end), row))
                letters[row] = (line.letter, f"bold {line.style}".strip())
        return letters

    def rows(self) -> Iterator[list[Piece]]:
        """Each row's cells, in pieces of one style."""
        letters = self._letters()
        for row, (dots, styles) in enumerate(zip(self._dots, self._styles, strict=True)):
            pieces: list[Piece] = []
            for bits, style in zip(dots, styles, strict=True):
                sign = chr(BLANK + bits) if bits else " "
                if pieces and (pieces[-1][1] == style or not bits):
                    pieces[-1] = (pieces[-1][0] + sign, pieces[-1][1])
                else:
                    pieces.append((sign, style))
            yield [*pieces, letters.get(row, (" ", ""))]


def _dots(
    points: Sequence[tuple[float, float]], frame: Frame, size: tuple[int, int]
) -> Iterator[list[Dot]]:
    """Where the points stand, in runs without a gap; at most four dots in each column."""
    for run in _thinned(points, frame, size[0]):
        yield [(column, size[1] - 1 - _up(value, frame, size[1])) for column, value in run]


def _thinned(
    points: Sequence[tuple[float, float]], frame: Frame, across: int
) -> Iterator[list[tuple[int, float]]]:
    """Of each column the first, lowest, highest and last value. In one pass: it may be long."""
    left, right = frame.along
    scale = (across - 1) / (right - left) if right > left else 0.0
    run: list[tuple[int, float]] = []
    column = -1
    first = low = high = last = 0.0
    for x, y in points:
        if not math.isfinite(y) or (frame.log and y <= 0):
            if column >= 0:
                yield run + [(column, value) for value in (first, low, high, last)]
            run, column = [], -1
            continue
        at = int((x - left) * scale + 0.5)
        if at != column:
            if column >= 0:
                run += [(column, value) for value in (first, low, high, last)]
            column, first, low, high = at, y, y, y
        elif y < low:
            low = y
        elif y > high:
            high = y
        last = y
    if column >= 0:
        yield run + [(column, value) for value in (first, low, high, last)]


def _up(value: float, frame: Frame, dots: int) -> int:
    if not frame.log:
        return place(value, frame.up, dots)
    low, high = frame.up
    return place(math.log(value), (math.log(low), math.log(high)), dots)


def _connected(run: Sequence[Dot]) -> Iterator[Dot]:
    yield run[0]
    for (x0, y0), (x1, y1) in pairwise(run):
        steps = max(abs(x1 - x0), abs(y1 - y0))
        for step in range(1, steps + 1):
            yield x0 + round(step * (x1 - x0) / steps), y0 + round(step * (y1 - y0) / steps)


def _ticks_up(frame: Frame, up: int) -> dict[int, str]:
    """Rows of the axis up with a round number each; the ends where fewer than two have one."""
    low, high = frame.up
    dots = 4 * up
    wide = frame.log and high / low > TEN_TIMES
    values, step = round_values(low, high, max(3, min(up // 2, 8)))
    named: dict[int, str] = {}
    for value in _powers(low, high, up) if wide else values:
        row = (dots - 1 - _up(value, frame, dots)) // 4
        if not named or row < min(named) - 1:
            named[row] = _number(value, value if wide else step)
    if len(named) > 1:
        return named
    return {up - 1: _number(low), 0: _number(high)}


def _powers(low: float, high: float, up: int) -> list[float]:
    """Powers of ten on an axis; 2 and 5 times such where there is room for them."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    times = (1, 2, 5) if 3 * math.log10(high / low) < up // 2 else (1,)
    every = [float(f"{by}e{power}") for power in range(first, last + 1) for by in times]
    return [value for value in every if low <= value <= high]


def _number(value: float, step: float | None = None) -> str:
    """A value of the axis in few cells: with the decimals of its steps, else with three digits."""
    if value == 0:
        return "0"
    if not 0.001 <= abs(value) < 10_000 or (step is not None and step < 1e-6):
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
    if step is None:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def _ticks_along(along: tuple[float, float], across: int) -> dict[int, str]:
    """Cells of the axis along with a round number, and the last one with its own."""
    low, high = along
    last = {across - 1: f"{high:,.0f}"}
    if high <= low:
        return last
    least = max((high - low) * BETWEEN / across, 1.0)  # steps are whole
    step = next(round_steps(least))
    ticks = {}
    value = math.ceil(low / step) * step
    while value < high:
        ticks[place(value, along, across)] = f"{value:,.0f}"
        value += step
    return ticks | last


def _numbers(ticks: dict[int, str], across: int) -> str:
    """Numbers under their ticks, where there is room; the last one always stands."""
    *others, (_, last) = sorted(ticks.items())
    line, free = "", across - len(last) - 1
    for x, name in others:
        start = max(x - len(name) // 2, 0)
        if (not line or start > len(line)) and start + len(name) <= free:
            line = line.ljust(start) + name
    return (line.ljust(across - len(last)) + last)[:across].ljust(across)
