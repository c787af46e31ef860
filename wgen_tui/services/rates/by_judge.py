"""The headline under each judge side by side, and how the judges agree, arm by arm.

Promises: only the verdicts change; measure, conditions, questions and statistics stay. The first is
the one that results are made of.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from pydantic import Field

from experiments.schema import Analysis, Definition, ModelJudge
from store import measured as stored
from store.connect import Connection
from store.measured import Both, Judged, Verdicts
from wgen_tui.services.measures.beside import Measured
from wgen_tui.services.measures.cells import count_cells
from wgen_tui.services.measures.chosen_verdicts import REPEAT, asked_of
from wgen_tui.services.measures.rate_rows import ContrastResult, Rate, Row
from wgen_tui.services.measures.tallied import Tallied
from wgen_tui.services.rates.groups import at_checkpoint
from wgen_tui.services.rates.rate_table import RateTable
from wgen_tui.services.statistics.intervals import Interval

MOST = 12  # graders that are compared
EXPECTED = 5  # in each cell, for chi-square's own distribution
PERMUTATIONS = 9999


class ArmAgreement(Row):
    """How a judge agrees with the first on what is a hit, in one arm.

    Attributes:
        n: Samples that count by both.
        both: Hits by both.
        only_first: Hits by the first alone.
        only_other: Hits by this one alone.
        kappa: Cohen's; None where chance alone would give full agreement.
        shift: What this judge adds to the share of hits: where it differs between arms, the judge
            makes an effect.
    """

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    n: int = Field(examples=[100])
    both: int = Field(examples=[40])
    only_first: int = Field(examples=[5])
    only_other: int = Field(examples=[10])
    agreement: float = Field(examples=[0.85])
    kappa: float | None = Field(examples=[0.7])
    shift: float = Field(examples=[0.05])


class JudgeHeadline(Row):
    """The headline by one judge.

    Attributes:
        rubric: The hash of its version, where there are several.
        agreement: With the first, by arm; none for means.
        differs_p: By model, whether it errs differently in different arms: see `differs_p`.
    """

    judge: str = Field(examples=["aligned"])
    grader: str = Field(examples=["model:Qwen/Qwen3-8B"])
    rubric: str | None = Field(examples=[None])
    rates: list[Rate]
    contrasts: list[ContrastResult]
    agreement: list[ArmAgreement]
    differs_p: dict[str, float] = Field(default={}, examples=[{"<model>": 0.03}])


def headline_by_judge(
    con: Connection,
    experiment: str,
    plan: Analysis,
    definition: Definition | None,
    tallied: Tallied,
    interval: Interval,
    *,
    agreement: bool = True,
) -> tuple[list[JudgeHeadline], int]:
    """The headline by every grader of its judge, and of rubrics and judges that grade the same.

    Args:
        con: From `store.connect.read`.
        experiment: Slug.
        plan: Its measures.
        definition: Which rubrics and judges there are.
        tallied: Whose verdicts results are made of.
        interval: How intervals over seeds are made.
        agreement: Also how each agrees with the first.

    Returns:
        The first `MOST` of them, and how many more there are.
    """
    measure = plan.headline[1]
    judge = measure.graded_by
    if judge is None or not tallied.measures:
        return [], 0
    own = tallied.chosen[judge]
    same = [judge, *_of_the_same(judge, definition)]
    others = _others(stored.judged(con, experiment, same), own.verdicts)
    listed = []
    first = asked_of(measure, dict(tallied.chosen), plan.unclear)
    every = [own.verdicts, *others]
    for verdicts in every[:MOST]:
        chosen = {**tallied.chosen, judge: replace(own, verdicts=verdicts)}
        asked = asked_of(measure, chosen, plan.unclear)
        rows = at_checkpoint(stored.tallies(con, experiment, asked), "final")
        measured = replace(tallied.measures[0].measured, grader=verdicts.grader)
        agree = []
        if agreement and verdicts != own.verdicts and not measured.is_mean:
            agree = [_agreement(item) for item in stored.both(con, experiment, first, asked)]
        listed.append(_headline(verdicts, rows, plan, interval, measured, agree))
    return listed, max(0, len(every) - MOST)


def _of_the_same(judge: str, definition: Definition | None) -> list[str]:
    """Rubrics that have a judge's labels, and judges with its prompt and what it may say."""
    if definition is None:
        return []
    rubrics = [item.name for item in definition.rubrics if item.judge == judge]
    models = {item.name: item for item in definition.model_judges}
    own = models.pop(judge, None)
    panel = [item.name for item in models.values() if own is not None and _is_alike(item, own)]
    return list(dict.fromkeys([*rubrics, *panel]))


def _is_alike(one: ModelJudge, other: ModelJudge) -> bool:
    keys = ("type", "prompt", "labels", "range", "word_labels")
    return all(getattr(one, key) == getattr(other, key) for key in keys)


def _headline(
    verdicts: Verdicts,
    rows: list[stored.Tally],
    plan: Analysis,
    interval: Interval,
    measured: Measured,
    agreement: list[ArmAgreement],
) -> JudgeHeadline:
    table = RateTable(count_cells(rows, mean=measured.is_mean), plan, interval, measured)
    return JudgeHeadline(
        judge=verdicts.judge,
        grader=verdicts.grader,
        rubric=verdicts.rubric,
        rates=[rate for rate in table.rates(()) if rate.seed is None],
        contrasts=table.contrasts(()),
        agreement=agreement,
        differs_p=differs_p(agreement),
    )


def differs_p(agreement: list[ArmAgreement]) -> dict[str, float]:
    """By model, p of: where the two disagree, and how, is alike in all arms.

    Pearson's chi-square of arms by (hit for the first alone, for the other alone, agreement); with
    fewer than five expected somewhere its permutation distribution. Samples count as independent,
    so where draws of a prompt are alike p is too small. No p where the judges never disagree.
    """
    listed = {}
    for model in dict.fromkeys(item.model for item in agreement):
        table = np.array(
            [
                [item.only_first, item.only_other, item.n - item.only_first - item.only_other]
                for item in agreement
                if item.model == model
            ]
        )
        table = table[:, table.sum(axis=0) > 0]
        if len(table) < 2 or table.shape[1] < 2:
            continue
        listed[model] = _p_alike(table)
    return listed


def _p_alike(table: npt.NDArray[np.int64]) -> float:
    """P that rows have one distribution over the columns."""
    # Importing these takes longer than most results.
    from scipy.stats import chi2_contingency, random_table  # noqa: PLC0415
    from scipy.stats.contingency import expected_freq  # noqa: PLC0415

    expected = expected_freq(table)
    if expected.min() >= EXPECTED:
        return float(chi2_contingency(table, correction=False).pvalue)
    sums = random_table(table.sum(axis=1), table.sum(axis=0)).rvs(PERMUTATIONS, random_state=0)
    spread = ((np.asarray(sums) - expected) ** 2 / expected).sum(axis=(1, 2))
    least = ((table - expected) ** 2 / expected).sum() * (1 - 1e-9)  # equal but for rounding
    return float((1 + (spread >= least).sum()) / (1 + PERMUTATIONS))


def _others(judged: list[Judged], own: Verdicts) -> list[Verdicts]:
    """Every grader, with the version where there are several of it; not the own one.

    Repeats come last: how a judge agrees with itself is told apart.
    """
    listed = []
    for item in judged:
        names = [(other.judge, other.grader) for other in judged]
        several = names.count((item.judge, item.grader)) > 1
        verdicts = Verdicts(item.judge, item.grader, item.rubric if several else None)
        if verdicts != own:
            listed.append(verdicts)
    return sorted(listed, key=lambda verdicts: REPEAT in verdicts.grader)


def _agreement(item: Both) -> ArmAgreement:
    n = item.both + item.only_one + item.only_other + item.neither
    agreed = (item.both + item.neither) / n
    one, other = (item.both + item.only_one) / n, (item.both + item.only_other) / n
    chance = one * other + (1 - one) * (1 - other)
    return ArmAgreement(
        model=item.model,
        arm=item.arm,
        n=n,
        both=item.both,
        only_first=item.only_one,
        only_other=item.only_other,
        agreement=agreed,
        kappa=None if math.isclose(chance, 1) else (agreed - chance) / (1 - chance),
        shift=other - one,
    )
