"""Rates by variant: each arm in each, and the curve over a variant's values."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from wgen_tui.cli.output import NOTHING, table
from wgen_tui.cli.result_tables.layout import is_wide, models_of, tell_below
from wgen_tui.services.measures.rate_words import amount, points, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wgen_tui.services.rates.by_variant import VariantRow, VariantTable
    from wgen_tui.services.rates.value_curve import ValueCurve

HEIGHTS = "▁▂▃▄▅▆▇█"
GAP = 2  # cells between columns
LEAST = 6  # cells that a rate takes


def show_variants(given: VariantTable, *, several_models: bool) -> None:
    """Print a line for each variant and one for the mean, a column for each arm."""
    wide, shown = is_wide(), amount(given.unit)
    gap = signed if given.unit == "mean" else points
    mean = f"mean of {len(given.variants)}"
    names = [row.variant or mean for row in given.rows]
    contrasts = given.contrasts if wide else []
    first = f"{given.metric} in" if not several_models else f"{given.metric} · {given.model} in"
    width = max(map(len, [first, *names])) + GAP + LEAST
    for arms in _that_fit(given.arms, width):
        places = [given.arms.index(arm) for arm in arms]
        table(
            [first, "n", *arms, *contrasts],
            [
                (
                    *(name, _draws(row, places)),
                    *(shown(cell.rate) if (cell := row.rates[i]) else NOTHING for i in places),
                    *(
                        gap(item.difference) if (item := row.differences[i]) else NOTHING
                        for i in range(len(contrasts))
                    ),
                )
                for name, row in zip(names, given.rows, strict=True)
            ],
        )
        contrasts = []  # once, where arms need several tables
    tell_below(f"The mean is over {given.over}; --by variant has each with its interval")


def _draws(row: VariantRow, places: Sequence[int]) -> str:
    """How many count in a variant: of each arm, where all have the same."""
    counts = sorted({cell.n for i in places if (cell := row.rates[i]) is not None})
    if not counts:
        return NOTHING
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]}–{counts[-1]}"


def _that_fit(arms: Sequence[str], width: int) -> Iterator[Sequence[str]]:
    """The arms in groups that fit on a line of the terminal; all at once in a pipe."""
    if not sys.stdout.isatty():
        yield arms
        return
    left = shutil.get_terminal_size().columns - width
    widest = max(LEAST, *map(len, arms)) + GAP
    size = max(1, left // widest)
    yield from (arms[i : i + size] for i in range(0, len(arms), size))


def show_value_curves(curves: Sequence[ValueCurve]) -> None:
    """Print a line for each arm: the rate over the values as a picture, and its summary."""
    models, first = models_of(curves), curves[0]
    shown = amount(first.unit)
    values = list(dict.fromkeys(point.value for curve in curves for point in curve.points))
    above = ["first above 50%"] if first.unit == "share" else []
    over = f"{first.metric} over {first.variant} {values[0]}…{values[-1]}"
    table(
        [*models, "arm", over, "peak at", "area", *above],
        [
            (
                *(getattr(curve, name) for name in models),
                *(curve.arm, picture([_at(curve, value) for value in values], first.unit)),
                *(curve.peak, shown(curve.area), *([curve.first_above] if above else [])),
            )
            for curve in curves
        ],
    )


def picture(rates: Sequence[float | None], unit: str) -> str:
    """A bar for each value: of shares from 0 to 1, of means from the lowest to the highest."""
    there = [rate for rate in rates if rate is not None]
    low, high = (0.0, 1.0) if unit == "share" or not there else (min(there), max(there))
    scale = (high - low) or 1.0
    top = len(HEIGHTS) - 1
    return "".join(
        "·" if rate is None else HEIGHTS[round(top * (rate - low) / scale)] for rate in rates
    )


def _at(curve: ValueCurve, value: str) -> float | None:
    return next((point.rate for point in curve.points if point.value == value), None)
