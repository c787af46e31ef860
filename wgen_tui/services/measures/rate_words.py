"""Rates in words: what is measured, and what was left out of it; for command line and screens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import Rate

NOTHING = "–"  # in the place of a number


def title_of(rate: Rate) -> str:
    """What is measured; a measure has a name of its own and the words that say what it is."""
    if is_plain(rate):
        return f"share of {rate.metric} by {rate.judge}"
    judged = f" ({rate.grader})" if rate.grader.startswith("model:") else ""
    return f"{rate.metric}: {rate.measure}{judged}"


def is_plain(rate: Rate) -> bool:
    """Whether the measure is the share of the label that it has its name from."""
    return rate.measure in ("", f"share of {rate.metric} by {rate.judge}")


def left_out_lines(rates: Sequence[Rate]) -> list[str]:
    """Numerator, denominator and what was left out of each rate, where anything was.

    Draws that a rule has not graded, or a server refused, are no reason for a line: notes say it.
    """
    several = len({rate.model for rate in rates}) > 1
    return [f"{_name(rate, several)}: {words}" for rate in rates if (words := left_out_words(rate))]


def left_out_words(rate: Rate) -> str:
    """Such as: 12 of 380; left out 20: 13 not given, 7 unparsed; and how far that could matter."""
    counted = rate.counted
    if counted is None or not counted.left_out:
        return ""
    if is_plain(rate) and counted.left_out == counted.ungraded + counted.refused:
        return ""
    of = f"n {counted.n:,}" if counted.hits is None else f"{counted.hits:,} of {counted.n:,}"
    words = f"{of}; left out {counted.left_out:,}: {counted.words}"
    bounds = rate.bounds
    if bounds is not None and bounds.if_none != bounds.if_all:
        ends = f"{amount(rate.unit)(bounds.if_none)} to {amount(rate.unit)(bounds.if_all)}"
        words += f"; bounds {ends}"
    return words


def percent(value: float | None) -> str:
    """A share as a percentage."""
    return NOTHING if value is None else f"{100 * value:.1f}%"


def points(value: float | None) -> str:
    """A difference in percentage points."""
    return NOTHING if value is None else f"{round(100 * value, 1) + 0.0:+.1f}"  # never -0.0


def number(value: float | None) -> str:
    """A mean."""
    return NOTHING if value is None else f"{value:.4g}"


def signed(value: float | None) -> str:
    """A difference of means."""
    return NOTHING if value is None else f"{value:+.3g}"


def amount(unit: str) -> Callable[[float | None], str]:
    """How a rate of this unit is written."""
    return number if unit == "mean" else percent


def chance(value: float | None) -> str:
    """A p-value."""
    return NOTHING if value is None else f"{value:.3f}" if value >= 0.001 else "<0.001"


def _name(rate: Rate, several_models: bool) -> str:
    parts = (
        rate.model if several_models else None,
        rate.arm,
        None if rate.seed is None else f"seed {rate.seed}",
        rate.question,
        rate.variant,
    )
    return " · ".join(part for part in parts if part is not None)
