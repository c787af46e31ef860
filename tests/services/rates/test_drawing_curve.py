"""Curves over how answers are drawn: of variants that differ in one key of sampling alone."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.prompts import spread_variants
from experiments.schema import SamplingConfig
from wgen_tui.services.measures.rate_rows import Rate
from wgen_tui.services.rates.value_curve import drawing_curves

DAYS = {"prefix": "{value} ", "values": [1, 2]}


def rates(sampling: SamplingConfig) -> list[Rate]:
    names = [name for contexts in spread_variants(sampling).values() for name in contexts]
    return [
        Rate.model_construct(
            **{"model": "m", "arm": "old", "seed": None, "checkpoint": 1, "question": None},
            **{"variant": name, "metric": "lark", "n": 4, "rate": place / 10},
            **{"low": None, "high": None, "unit": "share"},
        )
        for place, name in enumerate(names)
    ]


@pytest.mark.parametrize(
    ("variants", "curves"),
    [
        (
            {"temperature-1": {"temperature": 1}, "temperature-0.5": {"temperature": 0.5}},
            {"temperature": ["0.5", "1"]},
        ),
        # What is not said is as sampling has it.
        ({"cold": {"temperature": 0}, "none": None}, {"temperature: cold, none": ["0", "1"]}),
        ({"cold": {"temperature": 0}, "odd": {"prefix": "x"}}, {}),
        ({"cold": {"temperature": 0}, "short": {"temperature": 0.5, "max_tokens": 5}}, {}),
        ({"a": {"temperature": 0.5}, "b": {"temperature": 0.5}}, {}),
        ({"a": {"temperature": 0, "alpha": 0.5}, "b": {"temperature": 1, "alpha": 1}}, {}),
        ({"a": {"prefix": "x"}, "none": None}, {}),
        (
            {
                f"day-max_tokens-{most}": {
                    "prefix": "{value} ",
                    "values": [1, 2],
                    "max_tokens": most,
                }
                for most in (5, 50)
            },
            {"day-max_tokens-1": ["5", "50"], "day-max_tokens-2": ["5", "50"]},
        ),
    ],
)
def test_variants_of_one_context_are_a_curve(
    variants: dict[str, Any], curves: dict[str, list[str]]
) -> None:
    sampling = SamplingConfig.model_validate({"variants": variants})
    made = drawing_curves(rates(sampling), sampling)
    assert {one.variant: [point.value for point in one.points] for one in made} == curves
