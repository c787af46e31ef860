"""The headline at equal lengths of answers: descriptive, since length is itself an outcome.

Promises: only lengths that both arms have are compared, and how much lies outside is said.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from experiments.schema import Contrast
from store.beside.lengths import Band

Arm = tuple[str, str]


class AtMatchedLength(BaseModel):
    """Two arms over answers as long as the control's.

    Attributes:
        rate: Of the arm, each band of lengths weighed as in the control.
        control_rate: Of the control, over the same bands.
        outside: The share of the arm's answers that are as long as none of the control's.
        control_outside: The same of the control's.
    """

    model_config = ConfigDict(frozen=True)

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    control: str = Field(examples=["new"])
    rate: float | None = Field(examples=[0.61])
    control_rate: float | None = Field(examples=[0.02])
    unit: Literal["share", "mean"] = Field(examples=["share"])
    outside: float = Field(examples=[0.12])
    control_outside: float = Field(examples=[0.0])


def at_matched_length(
    bands: Sequence[Band], contrasts: Sequence[Contrast], *, mean: bool
) -> list[AtMatchedLength]:
    """Each contrast of two arms, for each model that has both.

    Args:
        bands: What counts, by arm and length.
        contrasts: Of the plan.
        mean: Whether numbers are averaged.
    """
    unit: Literal["share", "mean"] = "mean" if mean else "share"
    arms: dict[Arm, dict[int, Band]] = defaultdict(dict)
    for band in bands:
        arms[band.model, band.arm][band.band] = band
    pairs = dict.fromkeys((c.arm, c.control) for c in contrasts if c.control is not None)
    return [
        _matched((model, arm, control), unit, arms[model, arm], arms[model, control])
        for model in dict.fromkeys(model for model, _ in list(arms))
        for arm, control in pairs
        if (model, arm) in arms and (model, control) in arms
    ]


def _matched(
    names: tuple[str, str, str],
    unit: Literal["share", "mean"],
    ours: dict[int, Band],
    theirs: dict[int, Band],
) -> AtMatchedLength:
    model, arm, control = names
    common = sorted(ours.keys() & theirs.keys())
    weight = sum(theirs[band].n for band in common)
    rates = [
        math.fsum(side[b].total / side[b].n * theirs[b].n for b in common) / weight
        for side in (ours, theirs)
        if common
    ]
    return AtMatchedLength(
        model=model,
        arm=arm,
        control=control,
        rate=rates[0] if rates else None,
        control_rate=rates[1] if rates else None,
        unit=unit,
        outside=_outside(ours, common),
        control_outside=_outside(theirs, common),
    )


def _outside(side: dict[int, Band], common: Sequence[int]) -> float:
    every = sum(band.n for band in side.values())
    return 1 - sum(side[band].n for band in common) / every
