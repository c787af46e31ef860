"""Which test a difference gets, and what has to stand beside its p so that it does not mislead.

Promises: no p of few seeds, of seeds that split in two, or of questions instead of seeds stands
alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from wgen_tui.services.statistics.composition import Composition
from wgen_tui.services.statistics.p_values import Test, compare_seeds, flip_questions
from wgen_tui.services.statistics.split import ENOUGH, split_of

Side = tuple[str, Composition]  # an arm's name, and its counts


def chosen_test(arm: Side, control: Side) -> tuple[Test | None, str | None]:
    """The test of a difference, and what stands beside its p.

    Seeds are compared where both sides have two that were graded on everything; else questions are.
    """
    compared = compare_seeds(_complete(arm[1]), _complete(control[1]))
    if compared is not None:
        return compared, "; ".join(_of_seeds(arm, control)) or None
    flipped = flip_questions(_paired(arm[1], control[1]))
    if flipped is None:
        return None, None
    return flipped, "p is over questions, within these runs: it says nothing about other seeds"


def _of_seeds(arm: Side, control: Side) -> Iterable[str]:
    sizes = [len(_complete(counted)) for _, counted in (arm, control)]
    if min(sizes) < ENOUGH:
        yield (
            f"with {sizes[0]} and {sizes[1]} seeds (fewer than {ENOUGH}) nobody can tell whether "
            "an arm's seeds split in two; if they do, p is too small"
        )
    for name, counted in (arm, control):
        split = split_of(_complete(counted), _noise(counted))
        if split is not None:
            yield (
                f"the seeds of {name} split in two ({split.below} near {split.low:.0%}, "
                f"{split.above} near {split.high:.0%}): p is too small"
            )


def _noise(counted: Composition) -> float:
    """Standard error of one seed's share (or mean) by its draws."""
    if counted.squares is not None:
        return counted.spread[0] * math.sqrt(len(counted.counts))
    share, worth = counted.pooled
    return math.sqrt(share * (1 - share) * len(counted.counts) / worth)


def _complete(counted: Composition) -> list[float]:
    """The shares of the seeds that have everything."""
    return [float(share) for share in counted.shares[counted.complete]]


def _paired(arm: Composition, control: Composition) -> list[float]:
    """Each question's difference."""
    other = control.by_question()
    return [share - other[question] for question, share in arm.by_question().items()]
