"""An effect against its task: intervals by hand, and which steps are picked."""

from __future__ import annotations

import pytest
from scipy import stats as scipy_stats

from experiments.schema import Analysis, Contrast, Primary
from store.beside.held_out import HeldOutMean
from wgen_tui.services.measures.rate_rows import Rate
from wgen_tui.services.measures.rate_words import percent
from wgen_tui.services.rates.against_task import AgainstTask, against_task
from wgen_tui.services.statistics.intervals import wilson

PLAN = Analysis(
    primary=Primary(judge="era", label="past"), contrasts=(Contrast(arm="old", control="new"),)
)


def mean(step: int, losses: list[float], accuracies: list[float], arm: str = "old") -> HeldOutMean:
    return HeldOutMean(
        model="m",
        arm=arm,
        role="base" if arm == "base" else "treatment",
        step=step,
        rows_of="old",
        seeds=len(losses),
        rows=20,
        loss=sum(losses) / len(losses),
        loss_error=0.05,
        accuracy=sum(accuracies) / len(accuracies),
        token_accuracy=0.5,
        losses=losses,
        accuracies=accuracies,
    )


def rate(arm: str, step: int, low: float, high: float) -> Rate:
    return Rate(
        model="m",
        arm=arm,
        role="treatment",
        seed=None,
        checkpoint=step,
        question=None,
        variant=None,
        metric="past",
        judge="era",
        n=60,
        seeds=3,
        rate=(low + high) / 2,
        low=low,
        high=high,
        broken=0,
        unclear=0,
        method="t",
    )


def found(means: list[HeldOutMean], rates: list[Rate]) -> AgainstTask:
    (item,) = against_task(means, rates, PLAN, "past")
    return item


BASE = mean(0, [2.0], [0.0], "base")
LEARNS = [
    mean(10, [1.0, 1.2, 1.1], [0.5, 0.5, 0.5]),
    mean(20, [0.8, 0.8, 0.8], [0.96, 0.94, 0.95]),
    mean(40, [0.9, 0.9, 0.9], [0.95, 0.95, 0.95]),
]
RATES = [rate("base", 0, 0.0, 0.1), rate("new", 12, 0.0, 0.05), rate("new", 40, 0.5, 0.9)]


def test_intervals_are_the_wider_of_seeds_and_rows() -> None:
    item = found([BASE, *LEARNS], [])
    first = item.at(10)
    assert first is not None
    over_seeds = scipy_stats.t.interval(0.95, 2, 1.1, scipy_stats.sem([1.0, 1.2, 1.1]))
    assert (first.loss_low, first.loss_high) == pytest.approx(over_seeds)
    over_rows = scipy_stats.t.interval(0.95, 19, 0.8, 0.05)
    second = item.at(20)
    assert second is not None
    assert (second.loss_low, second.loss_high) == pytest.approx(over_rows)
    third = item.at(40)
    assert third is not None
    assert (third.accuracy_low, third.accuracy_high) == pytest.approx(wilson(19, 20))
    assert (first.n, first.rate, first.seeds, first.rows) == (0, None, 3, 20)
    assert "no checkpoint has graded samples" in item.sentences(percent)[1]


def test_steps_are_picked_by_the_rules() -> None:
    own = [rate("old", 10, 0.05, 0.12), rate("old", 20, 0.3, 0.4), rate("old", 40, 0.6, 0.8)]
    item = found([*LEARNS, BASE], [*RATES, *own])
    assert [point.checkpoint for point in item.points] == [0, 10, 20, 40]
    assert (item.leaves_base, item.stays, item.last_without) == (20, True, 10)
    # Step 20's nearest of `new` is 12; step 40's is 40, where they overlap.
    assert (item.control, item.leaves_control) == ("new", 20)
    assert (item.best_stop, item.learnt) == (20, 20)
    said = item.sentences(percent)
    assert said[0] == "base: loss 2.000, 0.0% exact of 20 rows"
    assert "past leaves the base's interval at step 20 and stays outside" in said
    assert "last without the effect: step 10, loss 1.100, 50.0% exact of 20 rows" in said
    assert said[-1].startswith("best stop by held-out loss: step 20, loss 0.800, 95.0% exact")

    back = found([*LEARNS, BASE], [*RATES, own[0], own[1], rate("old", 40, 0.05, 0.2)])
    assert (back.leaves_base, back.stays) == (20, False)
    never = found([BASE, *LEARNS], [*RATES, own[0]])
    assert (never.leaves_base, never.leaves_control, never.last_without) == (None, None, None)


def test_an_accuracy_that_is_noise_picks_nothing() -> None:
    rows = [mean(10, [1.0, 1.0], [0.05, 0.0]), mean(20, [1.0, 1.0], [0.0, 0.0])]
    item = found([BASE, *rows], [])
    assert (item.learnt, item.best_stop) == (None, 10)
    assert against_task([BASE], [], None) == [], "the arm itself was not measured yet"
