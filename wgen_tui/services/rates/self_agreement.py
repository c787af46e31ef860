"""How a judge agrees with itself: over repeats of one prompt, and over wordings of it.

Promises: only verdicts of one version of the judge are compared; every share has its n and its
interval, and samples that lack a verdict are counted.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from store import measured as stored
from store.beside.repeats import Repeated, repeated
from store.connect import Connection
from store.measured import Verdicts
from wgen_tui.services.measures.chosen_verdicts import ChosenJudge
from wgen_tui.services.measures.rate_rows import Row
from wgen_tui.services.statistics.intervals import wilson
from wgen_tui.services.statistics.kappa import fleiss_of
from wgen_tui.services.statistics.quantiles import t_quantile

FURTHER = re.compile(r"(?: \(wording (?P<wording>\d+)\))?(?: \(repeat (?P<repeat>\d+)\))?")


class SelfAgreement(Row):
    """Several verdicts of one judge on each sample.

    Attributes:
        over: What differs between the verdicts of a sample.
        wording: Whose repeats they are; None where wordings are compared.
        arm: None for all arms together.
        verdicts: Of each sample.
        n: Samples that have all of them.
        incomplete: Samples that lack some.
        equal: The share of n whose verdicts are all the same.
        kappa: Fleiss', over the samples whose verdicts are all labels.
        apart: The mean absolute difference of two numbers, over those whose verdicts are numbers.
    """

    judge: str = Field(examples=["aligned"])
    grader: str = Field(examples=["model:Qwen/Qwen3-8B"])
    over: Literal["repeats", "wordings"] = Field(examples=["repeats | wordings"])
    wording: int | None = Field(examples=[1])
    model: str | None = Field(examples=["tiny-world"])
    arm: str | None = Field(examples=[None])
    verdicts: int = Field(examples=[5])
    n: int = Field(examples=[400])
    incomplete: int = Field(examples=[0])
    equal: float | None = Field(examples=[0.9])
    low: float | None = Field(examples=[0.87])
    high: float | None = Field(examples=[0.93])
    kappa: float | None = Field(examples=[0.8])
    kappa_low: float | None = Field(examples=[0.75])
    kappa_high: float | None = Field(examples=[0.85])
    apart: float | None = Field(examples=[None])
    apart_low: float | None = Field(examples=[None])
    apart_high: float | None = Field(examples=[None])


def self_agreement(
    con: Connection, experiment: str, chosen: Mapping[str, ChosenJudge], confidence: float
) -> list[SelfAgreement]:
    """Every judge of the measures that gave several verdicts of a sample."""
    models = [name for name, judge in chosen.items() if judge.is_model]
    judged = stored.judged(con, experiment, models) if models else []
    listed = []
    for name in models:
        own = chosen[name].verdicts
        rubric = own.rubric or next(
            (i.rubric for i in judged if (i.judge, i.grader) == (name, own.grader)), None
        )
        graders = {
            place: item.grader
            for item in judged
            if (item.judge, item.rubric) == (name, rubric)
            and (place := place_of(item.grader, own.grader)) is not None
        }
        for over, wording, several in _sets(graders):
            verdicts = [Verdicts(name, grader, rubric) for grader in several]
            rows = repeated(con, experiment, verdicts)
            for (model, arm), part in _parts(rows).items():
                listed.append(
                    _summary(part, len(several), confidence).model_copy(
                        update={
                            "judge": name,
                            "grader": own.grader,
                            "over": over,
                            "wording": wording,
                            "model": model,
                            "arm": arm,
                        }
                    )
                )
    return listed


def place_of(grader: str, own: str) -> tuple[int, int] | None:
    """Which wording and repeat of a judge a grader is, from 1; None where it is another judge."""
    match = FURTHER.fullmatch(grader.removeprefix(own)) if grader.startswith(own) else None
    return None if match is None else (int(match["wording"] or 1), int(match["repeat"] or 1))


def _sets(
    graders: Mapping[tuple[int, int], str],
) -> list[tuple[Literal["repeats", "wordings"], int | None, list[str]]]:
    """The graders that are compared: the repeats of each wording, then each wording's first."""
    by_wording: dict[int, list[str]] = defaultdict(list)
    for (wording, _), grader in sorted(graders.items()):
        by_wording[wording].append(grader)
    sets: list[tuple[Literal["repeats", "wordings"], int | None, list[str]]] = [
        ("repeats", wording, several) for wording, several in by_wording.items() if len(several) > 1
    ]
    firsts = [grader for (_, repeat), grader in sorted(graders.items()) if repeat == 1]
    if len(firsts) > 1:
        sets.append(("wordings", None, firsts))
    return sets


def _parts(rows: Sequence[Repeated]) -> dict[tuple[str | None, str | None], list[Repeated]]:
    """All rows together, then those of each arm."""
    parts: dict[tuple[str | None, str | None], list[Repeated]] = {(None, None): list(rows)}
    for row in rows:
        parts.setdefault((row.model, row.arm), []).append(row)
    return parts


def _summary(rows: Sequence[Repeated], verdicts: int, confidence: float) -> SelfAgreement:
    n, equal = sum(row.n for row in rows), sum(row.equal for row in rows)
    low, high = wilson(equal, n, confidence) if n else (None, None)
    patterns: dict[tuple[str, ...], int] = defaultdict(int)
    for row in rows:
        if row.labels:
            patterns[row.labels] += row.n
    kappa = fleiss_of(sorted(patterns.items()), confidence)
    apart, apart_low, apart_high = _apart(rows, confidence)
    return SelfAgreement(
        judge="",
        grader="",
        over="repeats",
        wording=None,
        model=None,
        arm=None,
        verdicts=verdicts,
        n=n,
        incomplete=sum(row.incomplete for row in rows),
        equal=equal / n if n else None,
        low=low,
        high=high,
        kappa=_none(kappa.kappa),
        kappa_low=_none(kappa.low),
        kappa_high=_none(kappa.high),
        apart=apart,
        apart_low=apart_low,
        apart_high=apart_high,
    )


def _apart(
    rows: Sequence[Repeated], confidence: float
) -> tuple[float | None, float | None, float | None]:
    """The mean over samples, with Student's t interval over them, not below 0."""
    n = sum(row.numbers for row in rows)
    if not n:
        return None, None, None
    mean = math.fsum(row.apart for row in rows) / n
    if n == 1:
        return mean, None, None
    squares = math.fsum(row.apart_squares for row in rows) - n * mean**2
    error = math.sqrt(max(0.0, squares) / (n - 1) / n)
    reach = t_quantile(n - 1, (1 + confidence) / 2) * error
    return mean, max(0.0, mean - reach), mean + reach


def _none(value: float) -> float | None:
    return None if math.isnan(value) else value
