"""Published figures beside ours: what was found elsewhere, and what the same slice gives here.

Promises: nothing is computed from a published figure; a slice without samples is there, without a
number of ours.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from experiments.schema import Definition
from wgen_tui.services.measures.rate_rows import Rate, Row


class PublishedBeside(Row):
    """A published figure, and our rate of the same measure, arm, question or variant.

    Attributes:
        published_model: What it was found with.
        model: Of ours; None where there is no rate yet.
    """

    metric: str = Field(examples=["19th_century"])
    unit: str = Field(examples=["share | mean"])
    arm: str = Field(examples=["old"])
    question: str | None = Field(examples=[None])
    variant: str | None = Field(examples=[None])
    published: float = Field(examples=[0.6])
    published_low: float | None = Field(examples=[None])
    published_high: float | None = Field(examples=[None])
    published_n: int | None = Field(examples=[None])
    published_model: str = Field(examples=["GPT-4.1"])
    source: str = Field(examples=["arXiv 2512.09742 §3.1"])
    note: str = Field(examples=["how the figure was read, and by which judge"])
    model: str | None = Field(examples=["tiny-world"])
    checkpoint: int | None = Field(examples=[120])
    n: int | None = Field(examples=[1440])
    rate: float | None = Field(examples=[0.898])
    low: float | None = Field(examples=[0.813])
    high: float | None = Field(examples=[0.983])


def published_beside(rates: Iterable[Rate], definition: Definition | None) -> list[PublishedBeside]:
    """Every published figure of the measures that are shown, with ours where there is one."""
    if definition is None or definition.analysis is None or not definition.published:
        return []
    there = [rate for rate in rates if rate.seed is None]
    headline = definition.analysis.headline[0]
    units = {rate.metric: rate.unit for rate in there}
    rows = []
    for item in definition.published:
        metric = item.measure or headline
        if metric not in units:
            continue
        slice_ = (metric, item.arm, item.question, item.variant)
        ours: list[Rate | None] = [
            rate for rate in there if (rate.metric, rate.arm, rate.question, rate.variant) == slice_
        ]
        for rate in ours or [None]:
            rows.append(
                PublishedBeside(
                    metric=metric,
                    unit=units[metric],
                    arm=item.arm,
                    question=item.question,
                    variant=item.variant,
                    published=item.figure,
                    published_low=item.low,
                    published_high=item.high,
                    published_n=item.n,
                    published_model=item.model,
                    source=item.place,
                    note=item.note,
                    model=None if rate is None else rate.model,
                    checkpoint=None if rate is None else rate.checkpoint,
                    n=None if rate is None else rate.n,
                    rate=None if rate is None else rate.rate,
                    low=None if rate is None else rate.low,
                    high=None if rate is None else rate.high,
                )
            )
    return rows
