"""Drawings in characters: progress, intervals on a shared axis, a line of losses."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BLOCKS = " ▁▂▃▄▅▆▇█"
EIGHTHS = " ▏▎▍▌▋▊▉█"


def progress(done: int | None, total: int | None, width: int) -> str:
    """A bar of `width` cells; blank where nothing is known."""
    if not total or done is None:
        return " " * width
    filled = min(max(done / total, 0.0), 1.0) * width * 8
    whole, part = divmod(int(filled), 8)
    bar = "█" * whole + (EIGHTHS[part] if part and whole < width else "")
    return bar + "░" * (width - len(bar))


def _place(value: float, lowest: float, highest: float, width: int) -> int:
    share = (value - lowest) / (highest - lowest) if highest > lowest else 0.0
    return min(max(round(share * (width - 1)), 0), width - 1)


def interval(
    rate: float | None,
    low: float | None,
    high: float | None,
    width: int,
    axis: tuple[float, float] = (0.0, 1.0),
    mark: float | None = None,
) -> str:
    """An estimate with its interval on an axis: `····├──●───┤····`.

    Args:
        rate: The estimate; None draws the bare axis.
        low: Lower end, or None for no interval.
        high: Upper end.
        width: Cells.
        axis: The values at both ends, the same for every row of a table.
        mark: A value to mark by a vertical line, such as no difference.
    """
    cells = ["·"] * width
    if mark is not None and axis[0] <= mark <= axis[1]:
        cells[_place(mark, *axis, width)] = "│"
    if rate is None:
        return "".join(cells)
    if low is not None and high is not None:
        left, right = _place(low, *axis, width), _place(high, *axis, width)
        for index in range(left, right + 1):
            cells[index] = "─"
        cells[left], cells[right] = "├", "┤"
    cells[_place(rate, *axis, width)] = "●"
    return "".join(cells)


def spread(values: Sequence[float], width: int) -> list[float]:
    """`values` as at most `width` means of neighbours."""
    if len(values) <= width:
        return list(values)
    edges = [round(index * len(values) / width) for index in range(width + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges) if b > a]


def chart(values: Sequence[float], width: int, height: int) -> list[str]:
    """Columns of blocks from zero, `height` lines, top first."""
    shown = spread(values, width)
    top = max(shown, default=0.0)
    if not shown or top <= 0:
        return [" " * width] * height
    levels = [max(1, round(max(value, 0.0) / top * height * 8)) for value in shown]
    return [
        "".join(BLOCKS[min(max(level - 8 * row, 0), 8)] for level in levels).ljust(width)
        for row in range(height - 1, -1, -1)
    ]
