"""Numbers and durations in the few cells of a table."""

from __future__ import annotations

from collections.abc import Iterable

from wgen_tui.terminal_text import plural as plural  # the one of the command line

MISSING = "–"


def duration(seconds: float | None) -> str:
    """`42s`, `3m05s`, `2h07m`, `4d03h`."""
    if seconds is None:
        return MISSING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def percent(share: float | None, digits: int = 1) -> str:
    """A share between 0 and 1 in per cent."""
    return MISSING if share is None else f"{100 * share:.{digits}f}%"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, with its sign."""
    if difference is None:
        return MISSING
    return f"{round(100 * difference, 1) + 0.0:+.1f}"  # never -0.0


def count(number: int | None) -> str:
    """A whole number, its thousands set apart."""
    return MISSING if number is None else f"{number:,}"


def speed(rate: float | None, unit: str | None) -> str:
    """`12 steps/s`; below one a second, with digits."""
    if rate is None:
        return MISSING
    shown = f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}" if rate >= 1 else f"{rate:.2f}"
    return f"{shown} {unit}/s" if unit else f"{shown}/s"


def seeds(values: Iterable[int]) -> str:
    """As a definition may have them: `0-2, 7`.

    Example:
        >>> seeds([0, 1, 2, 7])
        '0-2, 7'
    """
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], value]
        else:
            runs.append([value])
    return ", ".join("-".join(str(end) for end in run) for run in runs)


def number(value: float | None, digits: int = 3) -> str:
    """A measured number to `digits` significant digits."""
    return MISSING if value is None else f"{value:#.{digits}g}".rstrip(".")


def p_value(p: float | None, floor: float | None = None) -> str:
    """A p value; one at the smallest its permutations allow is marked with ≥ its floor."""
    if p is None:
        return MISSING
    shown = f"{p:.3f}" if p >= 0.001 else f"{p:.0e}"
    return f"{shown} (min)" if floor is not None and p <= floor * 1.000001 else shown
