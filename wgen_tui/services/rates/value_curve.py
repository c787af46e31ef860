"""A rate over the values of a variant that is spread over them: where it peaks and where it starts.

Promises: each point is the rate of that variant, with its interval; the summary is of the points
that are there, in the order of the values. A curve over how answers are drawn is of one context,
one scale of the adapter and all other keys alike.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field

from experiments.prompts import alphas_of, drawing_of, spread_labels, spread_variants
from experiments.schema import Arm, SamplingConfig
from wgen_tui.services.measures.rate_rows import Rate

HALF = 0.5
ROWS = "rows in context"
DRAWN = ("temperature", "top_p", "max_tokens")  # keys of sampling in which variants may differ
Alike = tuple[str, object]  # one of these, and all of a variant but it


class ValuePoint(BaseModel):
    """One value of the variant."""

    model_config = ConfigDict(frozen=True)

    value: str = Field(examples=["1850"])
    variant: str = Field(default="", examples=["year-1850"])
    arm: str = Field(
        default="", description="where arms differ in the value, and not variants", examples=[""]
    )
    n: int = Field(examples=[80])
    rate: float | None = Field(examples=[0.9])
    low: float | None = Field(examples=[0.8])
    high: float | None = Field(examples=[0.95])


class ValueCurve(BaseModel):
    """A measure of one arm over the values of a variant, or over its rows in context.

    Attributes:
        arm: The arm; of several that differ in their rows in context what their names share.
        variant: What is varied.
        peak: The value with the highest rate; the first of several, none where all are equal.
        area: Under the points, by trapezoids, over the range of the values: the mean height. None
            where values are no numbers.
        first_above: Of a share, the first value at which it is above one half.
    """

    model_config = ConfigDict(frozen=True)

    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    checkpoint: int = Field(examples=[120])
    metric: str = Field(examples=["19th_century"])
    variant: str = Field(examples=["year"])
    unit: str = Field(examples=["share | mean"])
    points: list[ValuePoint]
    peak: str | None = Field(examples=["1850"])
    area: float | None = Field(examples=[0.7])
    first_above: str | None = Field(examples=["1875"])


def value_curves(rates: Iterable[Rate], sampling: SamplingConfig) -> list[ValueCurve]:
    """The curves of every measure and arm, over each variant that has several values.

    Args:
        rates: Of the slices by variant.
        sampling: Which variants are spread.
    """
    places = {
        name: (family, place, value)
        for place, (name, (family, _, value)) in enumerate(spread_labels(sampling).items())
        if value is not None
    }
    grouped: dict[tuple[str, str, str, int, str], list[tuple[float, str, Rate]]] = defaultdict(list)
    for rate in rates:
        if rate.seed is not None or rate.question is not None or rate.variant not in places:
            continue
        family, place, value = places[rate.variant]
        number = _number(value)
        key = (rate.metric, rate.model, rate.arm, rate.checkpoint, family)
        grouped[key].append((place if number is None else number, value, rate))
    return [
        _curve(family, sorted(points, key=lambda point: point[0]))
        for (*_, family), points in grouped.items()
        if len(points) > 1
    ]


def drawing_curves(rates: Iterable[Rate], sampling: SamplingConfig) -> list[ValueCurve]:
    """The curves of every measure and arm over each key of sampling in which variants differ.

    Args:
        rates: Of the slices by variant.
        sampling: How each variant's answers are drawn.
    """
    alike = _alike(sampling)
    grouped: dict[tuple[str, str, str, int, Alike], list[tuple[float, str, Rate]]] = defaultdict(
        list
    )
    for rate in rates:
        if rate.seed is not None or rate.question is not None:
            continue
        for rest, value in alike.get(rate.variant or "", ()):
            of = (rate.metric, rate.model, rate.arm, rate.checkpoint, rest)
            grouped[of].append((value, f"{value:g}", rate))
    return [
        _curve(_named(rest[0], points), sorted(points, key=lambda point: point[0]))
        for (*_, rest), points in grouped.items()
        if len({value for value, _, _ in points}) == len(points) > 1
    ]


def _alike(sampling: SamplingConfig) -> dict[str, list[tuple[Alike, float]]]:
    """Of each variant that says how answers are drawn: what it shares with others, and its value.

    A variant that doesn't say a key has that of `sampling`.
    """
    said, alphas = drawing_of(sampling), alphas_of(sampling)
    usual = {key: getattr(sampling, key) for key in DRAWN}
    if not said:
        return {}
    of: dict[str, list[tuple[Alike, float]]] = {}
    for contexts in spread_variants(sampling).values():
        for name, context in contexts.items():
            own = {key: said.get(name, {}).get(key, usual[key]) for key in DRAWN}
            rest = (context.model_dump_json(), alphas.get(name))
            of[name] = [
                ((key, (*rest, *(own[other] for other in DRAWN if other != key))), float(own[key]))
                for key in DRAWN
            ]
    return of


def _named(key: str, points: Sequence[tuple[float, str, Rate]]) -> str:
    """What is varied: what the names of the variants share, if that says the key."""
    names = [(rate.variant or "").split("-") for _, _, rate in points]
    begin = _same(names)
    end = _same([name[len(begin) :][::-1] for name in names])[::-1]
    shared = [*begin, *end]
    return "-".join(shared) if key in shared else f"{key}: {', '.join(map('-'.join, names))}"


def _same(names: Sequence[Sequence[str]]) -> list[str]:
    """The parts with which all names begin."""
    columns = itertools.takewhile(lambda column: len({*column}) == 1, zip(*names, strict=False))
    return [column[0] for column in columns]


def arm_curves(rates: Sequence[Rate], arms: Mapping[str, Arm]) -> list[ValueCurve]:
    """The curves over what arms differ in: rows in context or trained, or a place between two."""
    return [*row_curves(rates, arms), *dose_curves(rates, arms), *between_curves(rates, arms)]


def row_curves(rates: Iterable[Rate], arms: Mapping[str, Arm]) -> list[ValueCurve]:
    """The curves of every measure over the number of rows in context, where arms differ in it.

    Args:
        rates: Over all questions and variants.
        arms: The definition's.
    """
    grouped: dict[tuple[str, str, str], list[tuple[float, str, Rate]]] = defaultdict(list)
    for rate in rates:
        shown = arms[rate.arm].in_context if rate.arm in arms else None
        if shown is None or (rate.seed, rate.question, rate.variant) != (None, None, None):
            continue
        family = rate.arm.removesuffix(f"-{shown.rows}")
        point = (shown.rows, str(shown.rows), rate)
        grouped[rate.metric, rate.model, family].append(point)
    return [
        _curve(ROWS, sorted(points, key=lambda point: point[0]), family)
        for (*_, family), points in grouped.items()
        if len({rows for rows, _, _ in points}) > 1
    ]


def between_curves(rates: Iterable[Rate], arms: Mapping[str, Arm]) -> list[ValueCurve]:
    """The curves of every measure from one arm's adapter to another's.

    Args:
        rates: Over all questions and variants.
        arms: The definition's; those of a curve lie between the same two.
    """
    grouped: dict[tuple[str, str, tuple[str, ...]], list[tuple[float, str, Rate]]]
    grouped = defaultdict(list)
    for rate in rates:
        told = arms[rate.arm].between if rate.arm in arms else None
        if told is not None and (rate.seed, rate.question, rate.variant) == (None, None, None):
            point = (told.t, f"{told.t:g}", rate)
            grouped[rate.metric, rate.model, told.arms].append(point)
    return [
        _curve(
            f"t, from {ends[0]} to {ends[1]}",
            sorted(points, key=lambda point: point[0]),
            points[0][2].arm.removesuffix(f"-{points[0][1]}"),
        )
        for (_, _, ends), points in grouped.items()
        if len({t for t, _, _ in points}) > 1
    ]


def dose_curves(rates: Iterable[Rate], arms: Mapping[str, Arm]) -> list[ValueCurve]:
    """The curves of every measure over how many rows are trained, where arms differ in it alone.

    Args:
        rates: Over all questions and variants.
        arms: The definition's; those of a curve have names that end in different ways.
    """
    grouped: dict[tuple[str, str, str, str], list[tuple[float, str, Rate]]] = defaultdict(list)
    for rate in rates:
        arm = arms.get(rate.arm)
        family = rate.arm.rpartition("-")[0]
        if arm is None or arm.in_context is not None or arm.dose is None or not family:
            continue
        if (rate.seed, rate.question, rate.variant) != (None, None, None):
            continue
        what = "share of rows" if any(item.share for item in arm.files) else "rows"
        told = f"{what}, {arm.hold or 'epochs'} equal"
        grouped[rate.metric, rate.model, family, told].append((arm.dose, f"{arm.dose:g}", rate))
    return [
        _curve(told, sorted(points, key=lambda point: point[0]), family)
        for (*_, family, told), points in grouped.items()
        if len({dose for dose, _, _ in points}) > 1
    ]


def _curve(family: str, points: Sequence[tuple[float, str, Rate]], arms: str = "") -> ValueCurve:
    """A curve of points in their order: place, value and rate of each.

    Args:
        family: What is varied, in words.
        points: At least one.
        arms: What the arms' names share, where arms differ in the value and not variants.
    """
    first = points[0][2]
    drawn = [(place, value, rate.rate) for place, value, rate in points if rate.rate is not None]
    is_number = all(_number(value) is not None for _, value, _ in points)
    above = [value for _, value, rate in drawn if rate > HALF] if first.unit == "share" else []
    return ValueCurve(
        model=first.model,
        arm=arms or first.arm,
        checkpoint=first.checkpoint,
        metric=first.metric,
        variant=family,
        unit=first.unit,
        points=[
            ValuePoint(
                value=value,
                variant=rate.variant or "",
                arm=rate.arm if arms else "",
                n=rate.n,
                rate=rate.rate,
                low=rate.low,
                high=rate.high,
            )
            for _, value, rate in points
        ],
        peak=_peak(drawn),
        area=_area([(place, rate) for place, _, rate in drawn]) if is_number else None,
        first_above=above[0] if above else None,
    )


def _peak(points: Sequence[tuple[float, str, float]]) -> str | None:
    """The first value with the highest rate; a flat line has none."""
    if len({rate for _, _, rate in points}) < 2:
        return None
    return max(points, key=lambda point: point[2])[1]


def _area(points: Sequence[tuple[float, float]]) -> float | None:
    """The mean height under the line through the points."""
    if len(points) < 2:
        return None
    whole = math.fsum(
        (right - left) * (one + other) / 2
        for (left, one), (right, other) in itertools.pairwise(points)
    )
    return whole / (points[-1][0] - points[0][0])


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
