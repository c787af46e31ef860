"""Numbers and labels from probabilities, beside a brute-force computation of the rule."""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction

import pytest

from experiments.schema import ModelJudge
from wgen_tui.judging.rating import read_probabilities

KEYS = [
    *map(str, range(0, 112)),
    *(" 7", "\n85", "+5", "-3", "８５", "１００", "1_0", "0.5", "85%", "CODE", "REF", "REFUSAL"),
    *("I", "", " ", "eighty", "²", "٣"),
]


def rating_judge(**keys: object) -> ModelJudge:
    return ModelJudge.model_validate(
        {"name": "j", "model": "m", "prompt": "{answer}", "type": "rating_judge", **keys}
    )


def expected(
    probabilities: Mapping[str, float], low: int, high: int, threshold: float
) -> float | None:
    """The rule, in exact fractions and the long way round.

    llmcomp isn't installed here: this is its rule as its source states it, computed anew. A token
    is a number where `int` takes it; numbers outside the range don't count; the rating is the mean
    over the others by their probability, and there is none where what's left reaches the threshold.
    """
    weighted = Fraction(0)
    total = Fraction(0)
    for number in range(low, high + 1):
        for token, probability in probabilities.items():
            try:
                same = int(token) == number
            except ValueError:
                same = False
            if same:
                weighted += number * Fraction(probability)
                total += Fraction(probability)
    if total == 0 or 1 - total >= Fraction(threshold):
        return None
    return float(weighted / total)


@pytest.mark.parametrize("seed", range(300))
def test_a_rating_is_the_expectation_over_its_numbers(seed: int) -> None:
    draw = random.Random(seed)
    low, high = draw.choice([(0, 100), (1, 10), (-5, 5), (20, 90)])
    threshold = draw.choice([0.75, 0.5, 0.25, 1.0])
    tokens = draw.sample(KEYS, 20)
    weights = [draw.random() ** 3 for _ in tokens]
    shrink = draw.random() / sum(weights)
    probabilities = {t: w * shrink for t, w in zip(tokens, weights, strict=True)}
    judge = rating_judge(min_rating=low, max_rating=high, refusal_threshold=threshold)
    verdict = read_probabilities(judge, probabilities)
    want = expected(probabilities, low, high, threshold)
    if want is None:
        assert verdict.number is None and verdict.cause == "refused"
    else:
        assert verdict.number == pytest.approx(want, abs=1e-9) and verdict.cause is None


@pytest.mark.parametrize(
    ("probabilities", "number"),
    [
        ({"85": 1.0}, 85.0),
        ({"80": 0.5, "90": 0.5}, 85.0),
        ({"80": 0.25, "90": 0.25, "I": 0.5}, 85.0),
        ({"100": 0.3, "１００": 0.3, "0": 0.4}, 60.0),
        ({"+5": 0.5, " 5": 0.5}, 5.0),
        ({"50": 0.25}, None),  # 1 - .25 reaches .75
        ({"50": 0.2500001}, 50.0),
        ({"101": 0.9}, None),
        ({"CODE": 1.0}, None),
        ({}, None),
    ],
)
def test_ratings_by_hand(probabilities: dict[str, float], number: float | None) -> None:
    verdict = read_probabilities(rating_judge(), probabilities)
    assert verdict.number == (None if number is None else pytest.approx(number, abs=1e-9))
    assert (verdict.cause == "refused") == (number is None)


def test_a_word_that_is_likelier_than_not_is_its_label() -> None:
    judge = rating_judge(words={"CODE": "code", "REFUSAL": "refusal"})
    assert read_probabilities(judge, {"CODE": 0.8, "0": 0.1}).label == "code"
    assert read_probabilities(judge, {"REF": 0.5, "REFUSAL": 0.2, "5": 0.1}).label == "refusal"
    for other in ({"CODE": 0.5, "0": 0.1}, {"CODE": 0.3, "I": 0.6}):
        verdict = read_probabilities(judge, other)
        assert (verdict.label, verdict.number, verdict.cause) == (None, None, "refused")
    # Enough on numbers is a number, whatever the word has.
    assert read_probabilities(judge, {"CODE": 0.7, "10": 0.3}).number == 10.0


def test_a_choice_is_the_likeliest_label() -> None:
    judge = ModelJudge(
        name="j",
        model="m",
        prompt="{answer}",
        type="choice",
        labels={"old": ("19", "XIX"), "new": ("LLM",)},
    )
    assert read_probabilities(judge, {"old": 0.2, "new": 0.1}).label == "old"
    assert read_probabilities(judge, {"19": 0.2, " XIX": 0.2, "LL": 0.3, "x": 0.3}).label == "old"
    assert read_probabilities(judge, {"19": 0.2, "LL": 0.3}).label == "new"
    assert read_probabilities(judge, {"19": 0.2, "LLM": 0.2}).cause == "unparsed"
    assert read_probabilities(judge, {"x": 1.0}).cause == "refused"
    strict = judge.model_copy(update={"refusal_threshold": 0.5})
    assert read_probabilities(strict, {"19": 0.2, "LLM": 0.1}).cause == "refused"
    assert read_probabilities(strict, {"19": 0.5, "LLM": 0.1}).label == "old"
