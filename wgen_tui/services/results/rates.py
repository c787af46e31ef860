"""Rates and contrasts out of counted samples.

Promises: seeds are the unit of replication; every rate carries its n, its number of seeds, its
interval and the shares of unclear and broken answers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from experiments.schema import Analysis, Contrast
from wgen_tui.services.results import stats
from wgen_tui.services.results.cells import Asked, BySeed, Cell, Cells, Key
from wgen_tui.services.results.groups import Group, group_order

By = Literal["question", "variant"]
Slice = tuple[str | None, str | None]  # question, variant; None is all of them
ALL: Slice = (None, None)


class Row(BaseModel):
    """What the tables of results are made of."""

    model_config = ConfigDict(frozen=True)


class Rate(Row):
    """The share of a label in one arm.

    `seed`, `question` and `variant` None mean over all of them. `rate`, `low` and `high` are None
    where nothing is graded.
    """

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    role: str = Field(examples=["treatment | control | base"])
    seed: int | None = Field(examples=[None])
    checkpoint: int = Field(examples=[120])
    question: str | None = Field(examples=[None])
    variant: str | None = Field(examples=[None])
    metric: str = Field(examples=["the label whose share it is"])
    judge: str = Field(examples=["era"])
    n: int = Field(examples=[1440])
    seeds: int = Field(examples=[3])
    rate: float | None = Field(examples=[0.898])
    low: float | None = Field(examples=[0.813])
    high: float | None = Field(examples=[0.983])
    broken: float | None = Field(examples=[0.0])
    unclear: float | None = Field(examples=[0.026])
    method: str = Field(examples=["how the interval was made"])


class ContrastResult(Row):
    """The rate of an arm minus that of its control."""

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    control: str = Field(examples=["new"])
    checkpoint: int = Field(examples=[120])
    question: str | None = Field(examples=[None])
    variant: str | None = Field(examples=[None])
    metric: str = Field(examples=["the label"])
    difference: float | None = Field(examples=[0.892])
    low: float | None = Field(examples=[0.807])
    high: float | None = Field(examples=[0.977])
    p: float | None = Field(examples=[0.1])
    p_min: float | None = Field(examples=[0.1])
    p_holm: float | None = Field(examples=[None])
    n: int = Field(examples=[2880])
    seeds: int = Field(examples=[3])
    method: str = Field(examples=["how the interval was made"])


class RateTable:
    """Makes rates and contrasts out of cells."""

    def __init__(self, cells: Cells, plan: Analysis, interval: stats.Interval) -> None:
        self._plan = plan
        self._interval = interval
        self._cells: dict[Group, dict[Slice, list[tuple[Key, Cell]]]] = defaultdict(dict)
        for key, cell in cells.items():
            group = self._cells[(key.model, key.role, key.arm, key.step)]
            for part in (ALL, (key.question, None), (None, key.variant)):
                group.setdefault(part, []).append((key, cell))
        self._estimates: dict[tuple[Group, Slice], stats.Estimate] = {}
        # Several checkpoints of one arm (checkpoint="all") are groups of their own.
        self._groups = sorted(self._cells, key=group_order)
        self._questions = list(dict.fromkeys(k.question for k in cells))
        self._variants = list(dict.fromkeys(k.variant for k in cells))

    def _slices(self, by: Sequence[By]) -> list[Slice]:
        """Everything that is reported."""
        slices = [ALL]
        if "question" in by:
            slices += [(question, None) for question in self._questions]
        if "variant" in by and len(self._variants) > 1:
            slices += [(None, variant) for variant in self._variants]
        return slices

    def _slice(self, group: Group, part: Slice) -> BySeed:
        """The cells of a group's slice, by seed and what was asked."""
        by_seed: BySeed = defaultdict(dict)
        for key, cell in self._cells[group].get(part, ()):
            by_seed[key.seed][Asked(key.question, key.variant)] = cell
        return dict(sorted(by_seed.items()))

    def rates(self, by: Sequence[By]) -> list[Rate]:
        """Over seeds for every slice, and for each seed over everything."""
        rates = []
        for group in self._groups:
            for part in self._slices(by):
                cells = self._slice(group, part)
                if cells:
                    estimate = self._estimate(group, part, cells)
                    rates.append(self._rate(group, cells, None, part, estimate))
            for seed, own in self._slice(group, ALL).items():
                estimate = self._over_seeds({seed: own})
                rates.append(self._rate(group, {seed: own}, seed, ALL, estimate))
        return rates

    def _estimate(self, group: Group, part: Slice, cells: BySeed) -> stats.Estimate:
        """Over the seeds of a slice; made once for its rate and all contrasts."""
        known = self._estimates.get((group, part))
        if known is None:
            known = self._estimates[(group, part)] = self._over_seeds(cells)
        return known

    def _over_seeds(self, cells: BySeed) -> stats.Estimate:
        every = list(dict.fromkeys(asked for row in cells.values() for asked in row))
        none = Cell(0, 0, 0, 0, 0)
        hits = [[row.get(asked, none).hits for asked in every] for row in cells.values()]
        total = [[row.get(asked, none).n for asked in every] for row in cells.values()]
        return stats.over_seeds(hits, total, self._plan.confidence, self._interval)

    def _rate(
        self,
        group: Group,
        cells: BySeed,
        seed: int | None,
        part: Slice,
        estimate: stats.Estimate,
    ) -> Rate:
        model, role, arm, step = group
        question, variant = part
        flat = [cell for row in cells.values() for cell in row.values()]
        n = sum(cell.n for cell in flat)
        return Rate(
            model=model,
            arm=arm,
            role=role,
            seed=seed,
            checkpoint=step,
            question=question,
            variant=variant,
            metric=self._plan.primary.label,
            judge=self._plan.primary.judge,
            n=n,
            seeds=len(_shares(cells)),
            rate=_none(estimate.rate),
            low=_none(estimate.low),
            high=_none(estimate.high),
            broken=sum(cell.broken for cell in flat) / n if n else None,
            unclear=sum(cell.unclear for cell in flat) / n if n else None,
            method=estimate.method,
        )

    def contrasts(self, by: Sequence[By]) -> list[ContrastResult]:
        """Every contrast of the plan, by model and slice; Holm over a contrast's questions."""
        contrasts: list[ContrastResult] = []
        for model in dict.fromkeys(group[0] for group in self._groups):
            for contrast in self._plan.contrasts:
                results = [
                    result
                    for part in self._slices(by)
                    if (result := self._contrast(model, contrast, part))
                ]
                contrasts += _adjust(results)
        return contrasts

    def _last(self, model: str, arm: str) -> Group | None:
        groups = [g for g in self._groups if g[0] == model and g[2] == arm]
        return max(groups, key=lambda group: group[3], default=None)

    def _contrast(self, model: str, contrast: Contrast, part: Slice) -> ContrastResult | None:
        groups = [self._last(model, name) for name in (contrast.arm, contrast.control)]
        if groups[0] is None or groups[1] is None:
            return None
        question, variant = part
        arm, control = (self._slice(group, part) for group in groups if group)
        if not arm or not control:
            return None
        one = self._estimate(groups[0], part, arm)
        other = self._estimate(groups[1], part, control)
        gap, low, high = stats.difference(one, other)
        test = stats.permute_seeds(_shares(arm), _shares(control)) or stats.flip_questions(
            _paired(arm, control)
        )
        return ContrastResult(
            model=model,
            arm=contrast.arm,
            control=contrast.control,
            checkpoint=groups[0][3],
            question=question,
            variant=variant,
            metric=self._plan.primary.label,
            difference=_none(gap),
            low=_none(low),
            high=_none(high),
            p=test.p if test else None,
            p_min=test.p_min if test else None,
            p_holm=None,
            n=sum(
                cell.n for side in (arm, control) for row in side.values() for cell in row.values()
            ),
            seeds=min(len(_shares(arm)), len(_shares(control))),
            method=f"square-and-add of: {one.method}; {other.method}"
            + (f"; p: {test.method}" if test else ""),
        )


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _shares(cells: BySeed) -> list[float]:
    """The share of each seed that has graded samples."""
    sums = [
        (sum(c.hits for c in row.values()), sum(c.n for c in row.values()))
        for row in cells.values()
    ]
    return [hits / n for hits, n in sums if n]


def _paired(arm: BySeed, control: BySeed) -> list[float]:
    """Each question's difference, over the seeds of both sides."""

    def by_question(cells: BySeed) -> dict[str, float]:
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for row in cells.values():
            for asked, cell in row.items():
                counts[asked.question][0] += cell.hits
                counts[asked.question][1] += cell.n
        return {question: k / n for question, (k, n) in counts.items() if n}

    one, other = by_question(arm), by_question(control)
    return [one[question] - other[question] for question in one if question in other]


def _adjust(results: list[ContrastResult]) -> list[ContrastResult]:
    """Holm's adjustment over the questions of one contrast."""
    tested = [
        i for i, item in enumerate(results) if item.question is not None and item.p is not None
    ]
    adjusted = stats.holm([results[i].p or 0.0 for i in tested])
    by_index = dict(zip(tested, adjusted, strict=True))
    return [
        item.model_copy(update={"p_holm": by_index[i]}) if i in by_index else item
        for i, item in enumerate(results)
    ]
