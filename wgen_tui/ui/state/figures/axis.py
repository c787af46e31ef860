"""An estimate on an axis that all rows share, in characters: `···○├●┤○···`.

Promises: exactly as many cells as asked for, whatever the numbers are; what lies beyond an end of
the axis stands at that end; what is not a number is not drawn; every sign is one cell wide.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

SHARES = (0.0, 1.0)
DIFFERENCES = (-1.0, 1.0)
AXIS, LINE, LEFT, RIGHT, ZERO = "·", "─", "├", "┤", "│"
MEAN, SEED, BOTH = "●", "○", "◉"
LEGEND = f"{MEAN} mean  {SEED} a seed  {BOTH} both  {LEFT}{LINE}{RIGHT} interval"


class Estimate(NamedTuple):
    """A number with what it is sure of.

    Attributes:
        value: The estimate; None where there is none.
        low: Lower end of its interval.
        high: Upper end.
        seeds: The same of each seed alone.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    seeds: Sequence[float] = ()


def is_number(value: float | None) -> bool:
    """Whether there is something to draw."""
    return value is not None and math.isfinite(value)


def place(value: float, axis: tuple[float, float], width: int) -> int:
    """The cell of a value; the nearest end of one that lies outside."""
    low, high = axis
    share = (value - low) / (high - low) if high > low else 0.0
    return min(max(round(share * (width - 1)), 0), width - 1)


def drawn(
    estimate: Estimate, width: int, axis: tuple[float, float] = SHARES, zero: float | None = None
) -> str:
    """An estimate on an axis.

    Args:
        estimate: What is drawn; without a value the bare axis.
        width: Cells.
        axis: The values at both ends, the same for every row of a table.
        zero: A value to mark by a line, such as no difference.
    """
    if width <= 0:
        return ""
    cells = [AXIS] * width
    if zero is not None and axis[0] <= zero <= axis[1]:
        cells[place(zero, axis, width)] = ZERO
    value, low, high = (v if is_number(v) else None for v in estimate[:3])
    if value is not None and low is not None and high is not None:
        left, right = place(low, axis, width), place(high, axis, width)
        cells[left : right + 1] = [LINE] * (right + 1 - left)
        cells[left], cells[right] = LEFT, RIGHT
    for seed in estimate.seeds:
        if is_number(seed):
            cells[place(seed, axis, width)] = SEED
    if value is not None:
        at = place(value, axis, width)
        cells[at] = BOTH if cells[at] == SEED else MEAN
    return "".join(cells)


def bare(text: str) -> Iterable[tuple[int, int]]:
    """The stretches of a drawing that are only axis, as first and end."""
    start: int | None = None
    for index, sign in enumerate(f"{text}\n"):
        if sign in (AXIS, ZERO):
            start = index if start is None else start
        elif start is not None:
            yield start, index
            start = None


def heading(width: int, axis: tuple[float, float] = SHARES, *, unit: str = "%") -> str:
    """The axis' ends and middle, to stand over drawings of the same width.

    Args:
        width: Cells.
        axis: The values at both ends.
        unit: `%` for shares, `points` for their differences; else numbers as they are.
    """
    ends = (axis[0], (axis[0] + axis[1]) / 2, axis[1])
    left, middle, right = (label(value, unit) for value in ends)
    free = width - len(left) - len(right)
    if free < 1:
        return left[: max(width, 0)].ljust(max(width, 0))
    if free < len(middle) + 2:
        return left + " " * free + right
    # The middle stands over the middle cell: names of ends differ in length.
    start = min(max((width - 1) // 2 - len(middle) // 2, len(left) + 1), width - len(right) - 1)
    text = left.ljust(start) + middle
    return text.ljust(width - len(right)) + right


def label(value: float, unit: str) -> str:
    """A value of an axis in as few cells as it takes."""
    if unit == "%":
        return f"{100 * value:.0f}%"
    if unit == "points":
        return f"{100 * value:+.0f}" if value else "0"
    return f"{value:.3g}"


def round_steps(least: float) -> Iterator[float]:
    """1, 2 and 5 times the powers of ten, from the first on that is not below `least`."""
    for power in itertools.count(math.floor(math.log10(least))):
        yield from (step for times in (1, 2, 5) if (step := float(f"{times}e{power}")) >= least)


def round_values(low: float, high: float, most: int) -> tuple[list[float], float]:
    """Multiples of 1, 2 or 5 times a power of ten that lie on an axis, as close as there is room.

    Args:
        low: Where the axis begins.
        high: Where it ends; above `low`.
        most: How many values at most, 2 or more.

    Returns:
        The values, ascending, and what lies between two of them.
    """

    def counts(step: float) -> range:
        return range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)

    least = (high - low) / most / 10
    step = next(step for step in round_steps(least) if len(counts(step)) <= most)
    return [count * step for count in counts(step)], step


def around(values: Iterable[float | None]) -> tuple[float, float]:
    """Round ends for an axis that has all these values, of means for instance."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return SHARES
    low, high = min(known), max(known)
    span = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span))
    step = step / 2 if span / step < 2 else step
    first, last = math.floor(low / step), math.ceil(high / step)
    return first * step, max(last, first + 1) * step
