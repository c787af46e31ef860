"""What a trigger adds within an arm: the same seeds and questions with it and without it.

Promises: pairs stay together (a seed's difference, question by question); seeds are the unit; no
interval is narrower than the noise of the draws; with one seed it speaks of that run alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from wgen_tui.services.statistics.composition import Composition
from wgen_tui.services.statistics.intervals import (
    NOTHING,
    Estimate,
    Within,
    difference,
    draws_interval,
    t_interval,
)
from wgen_tui.services.statistics.p_values import Test, compare_seeds, flip_signs
from wgen_tui.services.statistics.split import ENOUGH


@dataclass(frozen=True)
class Effect:
    """A difference of two sides that were asked of the same seeds.

    Attributes:
        by_seed: The difference of each seed that has every question on both sides.
        by_question: That of each question, over the seeds.
        n: Draws, of both sides.
        seeds: That have any.
    """

    estimate: Estimate
    by_seed: Mapping[int, float]
    by_question: Mapping[str, float]
    n: int = 0
    seeds: int = 0


EMPTY = Effect(NOTHING, {}, {})


def effect_of(
    with_it: Mapping[int, Composition],
    without: Mapping[int, Composition],
    whole: tuple[Composition, Composition],
    confidence: float,
) -> Effect:
    """What a variant adds to another.

    Args:
        with_it: Each seed's counts in the variant, by question.
        without: The same in the other; both over the same questions.
        whole: All seeds together, of both.
        confidence: Of the interval.
    """
    one, other = whole
    if not one.counts.size or not other.counts.size:
        return EMPTY
    gap, questions = one.rate - other.rate, one.questions
    by_seed = {
        seed: own.rate - without[seed].rate
        for seed, own in with_it.items()
        if seed in without and own.questions == without[seed].questions == questions
    }
    others = other.by_question()
    limit = math.inf if one.squares is not None else 1.0
    low, high = _noise(one, other, confidence, limit)
    estimate = _over_seeds(gap, list(by_seed.values()), (low, high), confidence, limit)
    return Effect(
        estimate,
        by_seed,
        {question: share - others[question] for question, share in one.by_question().items()},
        int(one.counts.sum() + other.counts.sum()),
        len({*with_it, *without}),
    )


def _noise(
    one: Composition, other: Composition, confidence: float, limit: float
) -> tuple[float, float]:
    """The interval of the difference that the draws of both sides alone give."""
    sides = [
        Estimate(side.rate, *draws_interval(side, confidence), "draws") for side in (one, other)
    ]
    _, low, high = difference(sides[0], sides[1], limit)
    return low, high


def _over_seeds(
    gap: float, seeds: list[float], noise: tuple[float, float], confidence: float, limit: float
) -> Estimate:
    if len(seeds) < 2:
        within: Within = "one run" if len(seeds) == 1 else "these runs"
        return Estimate(gap, *noise, f"square-and-add of draws, within {within}", within)
    low, high = t_interval(seeds, confidence)
    if not math.isnan(noise[0]):
        low, high = min(low, noise[0]), max(high, noise[1])
    method = f"t over {len(seeds)} seeds' differences, not narrower than their draws"
    return Estimate(gap, max(-limit, low), min(limit, high), method)


def difference_of(arm: Effect, control: Effect, limit: float) -> Estimate:
    """The difference of the differences of two arms, whose seeds are apart."""
    gap, low, high = difference(arm.estimate, control.estimate, 2 * limit)
    within = arm.estimate.within or control.estimate.within
    method = f"square-and-add of: {arm.estimate.method}; {control.estimate.method}"
    return Estimate(gap, low, high, method, within)


def test_of(arm: Effect, control: Effect | None = None) -> tuple[Test | None, str | None]:
    """The test of an effect (or of the difference of two), and what must stand beside its p."""
    values = list(arm.by_seed.values())
    if control is None:
        if len(values) >= 2:
            few = (
                f"with {len(values)} seeds (fewer than {ENOUGH}) nobody can tell whether they split"
            )
            return flip_signs(values, "seeds"), few if len(values) < ENOUGH else None
        return flip_signs(list(arm.by_question.values())), OVER_QUESTIONS
    others = list(control.by_seed.values())
    compared = compare_seeds(values, others)
    if compared is not None:
        fewest = min(len(values), len(others))
        few = f"with {len(values)} and {len(others)} seeds (fewer than {ENOUGH}) nobody can tell "
        return compared, f"{few}whether they split" if fewest < ENOUGH else None
    apart = [gap - control.by_question[name] for name, gap in arm.by_question.items()]
    return flip_signs(apart), OVER_QUESTIONS


OVER_QUESTIONS = "p is over questions, within these runs: it says nothing about other seeds"
