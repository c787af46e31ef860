"""Notes where the headline is another under one filter, or by one judge.

Promises: what differs only because far fewer answers count is not called a fall.
"""

from __future__ import annotations

from collections.abc import Iterable

from wgen_tui.services.measures.rate_words import amount, points, signed
from wgen_tui.services.rates.headline_under import HeadlineLine
from wgen_tui.services.results.compared import Compared, Note

MANY = 0.5  # of the answers as planned: what has as many may well fall by its interval alone


def notes(compared: Compared) -> Iterable[Note]:
    """A note for each filter and judge under which a difference falls, or a rate moves."""
    if not compared.under:
        return
    planned, *others = compared.under
    before = {(line.model, line.of): line for line in planned.lines}
    for under in others:
        pairs = [
            (before[line.model, line.of], line)
            for line in under.lines
            if (line.model, line.of) in before and line.value is not None
        ]
        fallen = [pair for pair in pairs if pair[0].is_difference and _falls(*pair)]
        moved = [pair for pair in pairs if not pair[0].is_difference and _is_apart(*pair)]
        for one, other in fallen or moved:
            name = compared.name(one.model, one.of)
            said = f"{_words(one)} {planned.name}, {_words(other)} {under.name}"
            end = ": it stands or falls with that" if one.is_difference else ""
            yield Note(kind="stands_or_falls", text=f"{name}: {said}{end}", count=other.n)


def unlisted_judges(compared: Compared) -> Iterable[Note]:
    """Judges beyond those that stand side by side."""
    if more := compared.unlisted_judges:
        text = f"{more} more grader{'s' * (more > 1)} of this judge are not compared"
        yield Note(kind="unlisted_judges", text=text, count=more)


def _falls(one: HeadlineLine, other: HeadlineLine) -> bool:
    """Whether a difference is told from 0 in one of them alone, or has the other sign."""
    if None in (one.value, one.low, other.value, other.low):
        return False
    if one.is_told_from_zero and other.is_told_from_zero:
        return (one.value or 0) * (other.value or 0) < 0
    if one.is_told_from_zero == other.is_told_from_zero:
        return False
    return other.n >= MANY * one.n or not _holds(other, one.value or 0)


def _is_apart(one: HeadlineLine, other: HeadlineLine) -> bool:
    """Whether two intervals have nothing in common."""
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return other.low > one.high or one.low > other.high


def _holds(line: HeadlineLine, value: float) -> bool:
    return line.low is not None and line.high is not None and line.low <= value <= line.high


def _words(line: HeadlineLine) -> str:
    """Such as: +44.0 [+30.1, +57.9]."""
    shown = amount(line.unit)
    if line.is_difference:
        shown = signed if line.unit == "mean" else points
    return f"{shown(line.value)} [{shown(line.low)}, {shown(line.high)}]"
