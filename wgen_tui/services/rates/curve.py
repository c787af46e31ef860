"""The share of a label at every step that was sampled: how an effect comes while a run trains.

Promises: all points of a curve are of the same questions and variants, those that were asked at
every step; each has its n, its seeds and its interval; base stands at step 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from experiments.schema import BASE_ARM, Analysis
from store.measured import Tally
from wgen_tui.services.measures.beside import Measured
from wgen_tui.services.measures.cells import Asked, count_cells
from wgen_tui.services.measures.rate_rows import Rate, Row
from wgen_tui.services.rates.rate_table import RateTable
from wgen_tui.services.statistics import intervals


class Curve(Row):
    """Points by model, arm and step.

    Attributes:
        rates: Over seeds.
        questions: That the points count.
        left_out: Questions that were not asked at every step.
    """

    rates: list[Rate]
    questions: list[str]
    left_out: list[str]


def curve_of(
    rows: Sequence[Tally],
    plan: Analysis,
    interval: intervals.Interval,
    measured: Measured | None = None,
) -> Curve | None:
    """The curve of an experiment; None when no arm was sampled at several steps.

    Args:
        rows: Of all steps, as `store.measured` gives them.
        plan: The confidence.
        interval: How intervals over seeds are made.
        measured: What is measured; the plan's headline when None.
    """
    asked: dict[tuple[str, str], dict[int, set[Asked]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        asked[(row.model, row.arm)][row.step].add(Asked(row.question, row.variant))
    several = {group: steps for group, steps in asked.items() if len(steps) > 1}
    models = {model for model, _ in several}
    shown = [
        row
        for row in rows
        if (row.model, row.arm) in several or (row.arm == BASE_ARM and row.model in models)
    ]
    common = _common(every for steps in several.values() for every in steps.values())
    if not common:
        return None
    counted = [row for row in shown if (row.question, row.variant) in common]
    questions = list(dict.fromkeys(row.question for row in counted))
    every = dict.fromkeys(row.question for row in shown)
    measured = measured or Measured(*plan.headline)
    cells = count_cells(counted, mean=measured.is_mean)
    rates = RateTable(cells, plan, interval, measured).rates(())
    return Curve(
        rates=[rate for rate in rates if rate.seed is None],
        questions=questions,
        left_out=[question for question in every if question not in questions],
    )


def _common(sets: Iterable[set[Asked]]) -> set[Asked]:
    listed = list(sets)
    return set.intersection(*listed) if listed else set()
