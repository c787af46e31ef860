"""What a mean over variants hides: the rate of each arm in each variant, beside its mean.

Promises: each cell is the rate of that slice, with its n and interval; the last row is the arm's
own rate, and what that goes over is said; variants stand in the order of the definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import Field

from wgen_tui.services.measures.rate_rows import ContrastResult, Rate, Row

Column = tuple[str, int]  # arm, checkpoint


class InVariant(Row):
    """A rate in one variant, or over all.

    Attributes:
        questions: How many were asked there.
    """

    n: int = Field(examples=[50])
    questions: int = Field(examples=[5])
    rate: float | None = Field(examples=[0.9])
    low: float | None = Field(examples=[0.79])
    high: float | None = Field(examples=[0.96])
    within: str | None = Field(examples=["null | one run | these runs"])


class GapInVariant(Row):
    """A difference of two arms in one variant, or over all."""

    difference: float | None = Field(examples=[0.02])
    low: float | None = Field(examples=[-0.1])
    high: float | None = Field(examples=[0.14])


class VariantRow(Row):
    """One variant.

    Attributes:
        variant: Its name; None for the mean over all.
        rates: One for each of the table's arms; None where it was not asked.
        differences: Likewise for each of its contrasts.
    """

    variant: str | None = Field(examples=["evil_year-1984"])
    rates: list[InVariant | None]
    differences: list[GapInVariant | None]


class VariantTable(Row):
    """One measure of one model, in every variant.

    Attributes:
        arms: The columns; with the step where an arm has several.
        contrasts: Differences of arms, further columns.
        rows: The variants, then the mean.
        over: Over what the mean goes, in words.
    """

    metric: str = Field(examples=["evil"])
    model: str = Field(examples=["tiny-world"])
    unit: Literal["share", "mean"] = Field(examples=["share | mean"])
    arms: list[str] = Field(examples=[["robot", "base"]])
    contrasts: list[str] = Field(examples=[["robot − base"]])
    rows: list[VariantRow]
    over: str = Field(examples=["8 variants of 5 questions"])

    @property
    def variants(self) -> list[VariantRow]:
        """The rows without the mean."""
        return [row for row in self.rows if row.variant is not None]

    @property
    def spread(self) -> list[tuple[float, float] | None]:
        """The lowest and the highest rate of each arm over the variants."""
        listed: list[tuple[float, float] | None] = []
        for place in range(len(self.arms)):
            cells = (row.rates[place] for row in self.variants)
            rates = [cell.rate for cell in cells if cell is not None and cell.rate is not None]
            listed.append((min(rates), max(rates)) if rates else None)
        return listed


def by_variant(
    rates: Iterable[Rate], contrasts: Iterable[ContrastResult], order: Sequence[str] = ()
) -> list[VariantTable]:
    """A table for each measure and model that was asked in several variants.

    Args:
        rates: Of all slices, those by variant among them.
        contrasts: Likewise.
        order: The variants of the definition; others follow as they come.
    """
    over_seeds = [rate for rate in rates if rate.seed is None and rate.question is None]
    plain = [item for item in contrasts if item.question is None and item.trigger is None]
    tables = []
    for metric, model in dict.fromkeys((rate.metric, rate.model) for rate in over_seeds):
        own = [rate for rate in over_seeds if (rate.metric, rate.model) == (metric, model)]
        seen = dict.fromkeys(rate.variant for rate in own if rate.variant is not None)
        if len(seen) > 1:
            known = [name for name in order if name in seen]
            variants = [*known, *(name for name in seen if name not in known)]
            gaps = [item for item in plain if (item.metric, item.model) == (metric, model)]
            tables.append(_table(own, gaps, variants))
    return tables


def _table(
    rates: Sequence[Rate], contrasts: Sequence[ContrastResult], variants: Sequence[str]
) -> VariantTable:
    cells = {((rate.arm, rate.checkpoint), rate.variant): rate for rate in rates}
    columns = list(dict.fromkeys(column for column, _ in cells))
    gaps = {(item.name, item.variant): item for item in contrasts}
    names = list(dict.fromkeys(name for name, _ in gaps))
    rows = [
        VariantRow(
            variant=variant,
            rates=[_cell(cells.get((column, variant))) for column in columns],
            differences=[_gap(gaps.get((name, variant))) for name in names],
        )
        for variant in (*variants, None)
    ]
    first = rates[0]
    return VariantTable(
        metric=first.metric,
        model=first.model,
        unit=first.unit,
        arms=[_named(column, columns) for column in columns],
        contrasts=names,
        rows=rows,
        over=_over(rows, [_named(column, columns) for column in columns]),
    )


def _named(column: Column, columns: Sequence[Column]) -> str:
    arm, step = column
    several = sum(name == arm for name, _ in columns) > 1
    return f"{arm} step {step}" if several else arm


def _cell(rate: Rate | None) -> InVariant | None:
    if rate is None:
        return None
    return InVariant(
        n=rate.n,
        questions=rate.questions,
        rate=rate.rate,
        low=rate.low,
        high=rate.high,
        within=rate.within,
    )


def _gap(item: ContrastResult | None) -> GapInVariant | None:
    if item is None:
        return None
    return GapInVariant(difference=item.difference, low=item.low, high=item.high)


def _over(rows: Sequence[VariantRow], arms: Sequence[str]) -> str:
    """Such as: 8 variants of 5 questions, each question once, its variants by their draws."""
    variants, mean = [row for row in rows if row.variant is not None], rows[-1]
    questions = max((cell.questions for cell in mean.rates if cell is not None), default=0)
    words = f"{len(variants)} variants of {questions} question{'s' * (questions != 1)}"
    words += ": each question counts once, its variants by their draws"
    fewer = [
        f"{row.variant} has {asked} of them"
        for row in variants
        if (asked := max((c.questions for c in row.rates if c is not None), default=0)) < questions
    ]
    lacking = [
        f"{arm} lacks {', '.join(names)}"
        for place, arm in enumerate(arms)
        if (names := [row.variant or "" for row in variants if row.rates[place] is None])
    ]
    return "; ".join([words, *fewer, *lacking])
