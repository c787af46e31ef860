"""Rates and contrasts out of counted samples.

Promises: seeds are the unit of replication, and each question counts once; every rate carries its
n, its number of seeds, its interval and the shares of unclear and broken answers; a difference is
over what both arms were asked.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from experiments.schema import BASE_ARM, Analysis, Contrast
from wgen_tui.services.measures.beside import (
    Measured,
    bounds_of,
    compose,
    counted_of,
)
from wgen_tui.services.measures.cells import Asked, BySeed, Cell, Cells, Key
from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
from wgen_tui.services.measures.triggers import asked_in_both, trigger_effect
from wgen_tui.services.rates.groups import Group, group_order
from wgen_tui.services.statistics import p_values
from wgen_tui.services.statistics.composition import Composition, Part
from wgen_tui.services.statistics.intervals import (
    NOTHING,
    Estimate,
    Interval,
    difference,
    over_seeds,
)
from wgen_tui.services.statistics.p_cautions import chosen_test
from wgen_tui.services.statistics.paired import difference_of, test_of

By = Literal["question", "variant"]
Slice = tuple[str | None, str | None]  # question, variant; None is all of them
ALL: Slice = (None, None)


class RateTable:
    """Makes rates and contrasts of one measure out of cells; of the headline unless told."""

    def __init__(
        self, cells: Cells, plan: Analysis, interval: Interval, measured: Measured | None = None
    ) -> None:
        self._plan = plan
        self._measured = measured or Measured(*plan.headline)
        self._interval = interval
        self._cells: dict[Group, dict[Slice, list[tuple[Key, Cell]]]] = defaultdict(dict)
        for key, cell in cells.items():
            group = self._cells[(key.model, key.role, key.arm, key.step)]
            for part in (ALL, (key.question, None), (None, key.variant)):
                group.setdefault(part, []).append((key, cell))
        self._parts = _parts(cells)
        self._compositions: dict[tuple[Group, Slice], Composition] = {}
        self._estimates: dict[tuple[Group, Slice], Estimate] = {}
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
                if self._cells[group].get(part):
                    counted, estimate = self._counted(group, part), self._estimate(group, part)
                    cells = self._slice(group, part)
                    rates.append(self._rate(group, None, part, cells, counted, estimate))
            for seed, own in self._slice(group, ALL).items():
                cells, counted = {seed: own}, compose({seed: own}, self._parts)
                estimate = self._over_seeds(counted)
                rates.append(self._rate(group, seed, ALL, cells, counted, estimate))
        return rates

    def _lost(self, group: Group, part: Slice, cells: BySeed) -> tuple[float, float]:
        """Which share of the draws a server refused, and which is not there."""
        model, _, arm, step = group
        whole = len(cells) * sum(
            self._parts[asked].size
            for asked in dict.fromkeys(
                Asked(key.question, key.variant) for key, _ in self._cells[group].get(part, ())
            )
        )
        flat = [cell for row in cells.values() for cell in row.values()]
        drawn = sum(cell.drawn for cell in flat)
        last = max(g[3] for g in self._groups if (g[0], g[2]) == (model, arm))
        # Earlier steps are often asked less on purpose.
        missing = max(0, whole - drawn) / whole if step == last and whole else 0.0
        return sum(cell.refused for cell in flat) / max(whole, drawn, 1), missing

    def _counted(self, group: Group, part: Slice) -> Composition:
        """The counts of a slice; gathered once for its rate and all contrasts."""
        known = self._compositions.get((group, part))
        if known is None:
            known = compose(self._slice(group, part), self._parts)
            self._compositions[(group, part)] = known
        return known

    def _estimate(self, group: Group, part: Slice) -> Estimate:
        """Over the seeds of a slice; made once, too."""
        known = self._estimates.get((group, part))
        if known is None:
            known = self._over_seeds(self._counted(group, part))
            self._estimates[(group, part)] = known
        return known

    def _over_seeds(self, counted: Composition) -> Estimate:
        return over_seeds(counted, self._plan.confidence, self._interval)

    def _rate(
        self,
        group: Group,
        seed: int | None,
        part: Slice,
        cells: BySeed,
        counted: Composition,
        estimate: Estimate,
    ) -> Rate:
        model, role, arm, step = group
        question, variant = part
        refused, missing = self._lost(group, part, cells)
        unclear, broken = (counted.share_of(hits) for hits in counted.beside)
        return Rate(
            model=model,
            arm=arm,
            role=role,
            seed=seed,
            checkpoint=step,
            question=question,
            variant=variant,
            metric=self._measured.name,
            judge=self._measured.measure.graded_by or "",
            n=int(counted.counts.sum()),
            seeds=len(counted.counts),
            rate=_none(estimate.rate),
            low=_none(estimate.low),
            high=_none(estimate.high),
            broken=broken,
            unclear=unclear,
            method=estimate.method,
            questions=counted.questions,
            within=estimate.within,
            refused=refused,
            missing=missing,
            unit="mean" if self._measured.is_mean else "share",
            measure=str(self._measured.measure),
            grader=self._measured.grader,
            counted=counted_of(
                (cell for row in cells.values() for cell in row.values()),
                mean=self._measured.is_mean,
            ),
            bounds=bounds_of(cells, self._parts, self._measured, _none(estimate.rate)),
            shares=tuple(map(float, counted.shares)) if counted.counts.size else (),
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
        if contrast.variant is not None and contrast.minus is not None:
            return self._triggered(model, contrast, contrast.variant, contrast.minus, part)
        against = contrast.control
        if against is None:
            return None
        groups = [self._last(model, name) for name in (contrast.arm, against)]
        if groups[0] is None or groups[1] is None:
            return None
        if not all(self._cells[group].get(part) for group in groups if group):
            return None
        question, variant = part
        (arm, one), (control, other) = self._on_what_both_have(groups[0], groups[1], part)
        is_mean = self._measured.is_mean
        gap, low, high = difference(one, other, math.inf if is_mean else 1.0)
        test, caution = (None, None)
        if not math.isnan(gap):
            test, caution = chosen_test((contrast.arm, arm), (against, control))
        return ContrastResult(
            model=model,
            arm=contrast.arm,
            control=against,
            checkpoint=groups[0][3],
            question=question,
            variant=variant,
            metric=self._measured.name,
            difference=_none(gap),
            low=_none(low),
            high=_none(high),
            p=test.p if test else None,
            p_min=test.p_min if test else None,
            p_holm=None,
            n=int(arm.counts.sum() + control.counts.sum()),
            seeds=min(len(arm.counts), len(control.counts)),
            method=_method(one, other, test),
            questions=0 if math.isnan(gap) else arm.questions,
            p_caution=caution,
            within=one.within or (None if against == BASE_ARM else other.within),
            left_out=self._of_one_only(groups[0], groups[1], part),
            unit="mean" if is_mean else "share",
        )

    def _triggered(
        self, model: str, contrast: Contrast, variant: str, minus: str, part: Slice
    ) -> ContrastResult | None:
        """What a variant adds within an arm, and how much more than within its control."""
        arms = [contrast.arm, *([contrast.control] if contrast.control is not None else [])]
        groups = [self._last(model, name) for name in arms]
        if part[1] is not None or any(group is None for group in groups):
            return None
        sides = [self._slice(group, part) for group in groups if group is not None]
        asked = [asked_in_both(cells, variant, minus) for cells in sides]
        common = set.intersection(*asked)
        if part[0] is not None and not common:
            return None
        confidence, limit = self._plan.confidence, math.inf if self._measured.is_mean else 1.0
        effects = [trigger_effect(cells, variant, minus, common, confidence) for cells in sides]
        estimate = effects[0].estimate
        if len(effects) == 2:
            estimate = difference_of(effects[0], effects[1], limit)
        there = not math.isnan(estimate.rate)
        test, caution = test_of(*effects) if there else (None, None)
        method = estimate.method if there else "no question that was asked in both variants"
        return ContrastResult(
            model=model,
            arm=contrast.arm,
            control=contrast.control or contrast.arm,
            checkpoint=groups[0][3] if groups[0] is not None else 0,
            question=part[0],
            variant=None,
            metric=self._measured.name,
            difference=_none(estimate.rate),
            low=_none(estimate.low),
            high=_none(estimate.high),
            p=test.p if test else None,
            p_min=test.p_min if test else None,
            p_holm=None,
            n=sum(effect.n for effect in effects),
            seeds=min(effect.seeds for effect in effects),
            method=f"{method}; p: {test.method}" if test else method,
            questions=len(common),
            p_caution=caution if test else None,
            within=estimate.within,
            left_out=sorted(set.union(*asked) - common),
            unit="mean" if self._measured.is_mean else "share",
            trigger=variant,
            minus=minus,
        )

    def _of_one_only(self, arm: Group, control: Group, part: Slice) -> list[str]:
        """The questions, with the variant where not all are meant, that only one side has."""
        one, other = (dict.fromkeys(self._counted(group, part).parts) for group in (arm, control))
        alone = [item for item in (*one, *other) if (item in one) != (item in other)]
        asked = {item.question for item in one} & {item.question for item in other}
        return list(
            dict.fromkeys(
                f"{item.question} · {item.variant}" if item.question in asked else item.question
                for item in alone
            )
        )

    def _on_what_both_have(
        self, arm: Group, control: Group, part: Slice
    ) -> list[tuple[Composition, Estimate]]:
        """The counts of both sides, without what only one of them was graded on."""
        sides = [(group, self._counted(group, part)) for group in (arm, control)]
        common = set(sides[0][1].parts) & set(sides[1][1].parts)
        if not common:
            return [(counted, NOTHING) for _, counted in sides]
        listed = []
        for group, counted in sides:
            if common == set(counted.parts):
                listed.append((counted, self._estimate(group, part)))
            else:
                counted = counted.only(common)
                listed.append((counted, self._over_seeds(counted)))
        return listed


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _method(arm: Estimate, control: Estimate, test: p_values.Test | None) -> str:
    if math.isnan(arm.rate - control.rate):
        return "no question that both have graded samples of"
    method = f"square-and-add of: {arm.method}; {control.method}"
    return f"{method}; p: {test.method}" if test else method


def _parts(cells: Cells) -> dict[Asked, Part]:
    """What a run that has all its draws was asked, and how often: the most that any has."""
    draws: dict[Asked, int] = defaultdict(int)
    for key, cell in cells.items():
        asked = Asked(key.question, key.variant)
        draws[asked] = max(draws[asked], cell.drawn)
    return {asked: Part(*asked, size) for asked, size in draws.items()}


def _adjust(results: list[ContrastResult]) -> list[ContrastResult]:
    """Holm's adjustment over the questions of one contrast."""
    tested = [
        i for i, item in enumerate(results) if item.question is not None and item.p is not None
    ]
    adjusted = p_values.holm([results[i].p or 0.0 for i in tested])
    by_index = dict(zip(tested, adjusted, strict=True))
    return [
        item.model_copy(update={"p_holm": by_index[i]}) if i in by_index else item
        for i, item in enumerate(results)
    ]
