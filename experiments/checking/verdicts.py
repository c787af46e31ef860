"""Whether a judge can say what is asked of it: a label that it gives, numbers within bounds.

Promises: a label that stands for nothing is named with the nearest that does; a bound that all
numbers, or none, would pass is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from experiments.checking.names import unknown
from experiments.panel import Verdicts
from experiments.schema import Threshold
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]


def label_findings(
    path: KeyPath, label: str, judge: str, judges: Mapping[str, Verdicts]
) -> Iterator[Finding]:
    """A label that a judge never gives."""
    verdicts = judges.get(judge)
    if verdicts is None or verdicts.labels is None or label in verdicts.labels:
        return
    if not verdicts.labels:
        low, high = verdicts.lowest, verdicts.highest
        hint = f"It gives numbers from {low:g} to {high:g} (below: 30); as labels: words: [REFUSAL]"
        yield path, f"Judge {judge!r} has no labels.", hint
    else:
        yield unknown(path, "label", label, verdicts.labels)


def number_findings(
    path: KeyPath, bounds: Threshold, judge: str, verdicts: Verdicts, *, mean: bool = False
) -> Iterator[Finding]:
    """A bound (or a mean) of a judge without numbers, or one that all pass, or none.

    Args:
        path: Of what asks for it.
        bounds: What is asked.
        judge: Whose numbers.
        verdicts: What that may say.
        mean: Whether all numbers count.
    """
    if not verdicts.numbers:
        what = "A mean" if mean else f"A bound ({bounds.bounds})"
        labels = ", ".join(verdicts.labels or ("…",))
        why = f"{what} is of numbers, and judge {judge!r} gives labels."
        yield path, why, f"label: one of {labels}; or a rating_judge, or json_field without labels"
        return
    low, high = verdicts.lowest, verdicts.highest
    if mean or low is None or high is None:
        return
    below, above = bounds.below, bounds.above
    least, most = bounds.at_least, bounds.at_most
    none = (
        (below is not None and below <= low)
        or (most is not None and most < low)
        or (above is not None and above >= high)
        or (least is not None and least > high)
        or _crossed(bounds)
    )
    if none:
        why = f"No number from {low:g} to {high:g} is {bounds.bounds}."
        yield path, why, f"Judge {judge!r} gives numbers from {low:g} to {high:g}."
    elif (
        (below is None or below > high)
        and (most is None or most >= high)
        and (above is None or above < low)
        and (least is None or least <= low)
    ):
        why = f"Every number from {low:g} to {high:g} is {bounds.bounds}."
        yield path, why, f"Judge {judge!r} gives numbers from {low:g} to {high:g}."


def _crossed(bounds: Threshold) -> bool:
    """Whether a lower bound lies above an upper one."""
    lower = [value for value in (bounds.above, bounds.at_least) if value is not None]
    upper = [value for value in (bounds.below, bounds.at_most) if value is not None]
    if not lower or not upper:
        return False
    strict = max(lower) == bounds.above or min(upper) == bounds.below
    return max(lower) > min(upper) or (strict and max(lower) == min(upper))
