"""Means of what was read: over seeds, with their interval."""

from __future__ import annotations

import math

import pytest
from scipy import stats as scipy_stats

from store.queries import Mean
from wgen_tui.services.results.readouts import ReadoutMean, accuracies, means_over_seeds
from wgen_tui.services.statistics.intervals import mean_over_seeds


def row(arm: str, seed: int, label: str, probability: float, **more: object) -> Mean:
    values: dict[str, object] = {
        "model": "m",
        "arm": arm,
        "role": "base" if arm == "base" else "treatment",
        "seed": seed,
        "run_id": f"{arm}{seed}",
        "step": 0 if arm == "base" else 10,
        "question": "way",
        "type": "multiple_choice",
        "label": label,
        "probability": probability,
        "mass": 0.5,
        "n": 2,
        **more,
    }
    return Mean(**values)  # type: ignore[arg-type]


def one(found: list[ReadoutMean], arm: str, label: str, seed: int | None = None) -> ReadoutMean:
    (item,) = [r for r in found if (r.arm, r.label, r.seed) == (arm, label, seed)]
    return item


def test_seeds_are_the_unit() -> None:
    shares = [0.2, 0.4, 0.9]
    rows = [row("old", seed, "old", share) for seed, share in enumerate(shares)]
    rows += [row("old", seed, "new", 1 - share) for seed, share in enumerate(shares)]
    rows.append(row("base", 0, "old", 0.1))
    found = means_over_seeds(rows)
    old = one(found, "old", "old")
    expected = scipy_stats.t.interval(0.95, 2, loc=0.5, scale=scipy_stats.sem(shares))
    assert (old.metric, old.n, old.seeds) == ("p(old)", 6, 3)
    assert old.probability == pytest.approx(0.5)
    assert (old.low, old.high) == (max(0, expected[0]), min(1, expected[1]))
    assert "3 seeds" in old.method
    alone = one(found, "base", "old")
    assert (alone.low, alone.high, alone.seeds) == (None, None, 1)
    assert "no interval" in alone.method
    assert one(found, "old", "new", seed=2).probability == pytest.approx(0.1)


def test_a_token_outside_the_likeliest_is_zero() -> None:
    kind = {"type": "next_token", "question": "next"}
    rows = [row("old", 0, "a", 0.5, **kind), row("old", 1, "b", 0.3, **kind)]
    rows += [row("old", 1, f"t{i}", 0.01 * i, **kind) for i in range(6)]
    found = means_over_seeds(rows)
    assert one(found, "old", "a").probability == pytest.approx(0.25)
    assert one(found, "old", "a").mass is None
    assert len({item.label for item in found}) == 5


def test_checkpoints_are_kept_apart() -> None:
    rows = [row("old", 0, "old", 0.1 * step, step=step) for step in (5, 10)]
    rows.append(row("base", 0, "old", 0.3))
    assert {r.checkpoint for r in means_over_seeds(rows)} == {10, 0}
    assert {r.checkpoint for r in means_over_seeds(rows, "all")} == {5, 10, 0}
    assert {r.checkpoint for r in means_over_seeds(rows, 5)} == {5, 0}


def test_a_mean_of_one_has_no_interval() -> None:
    found = mean_over_seeds([0.4])
    assert found.rate == 0.4
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_accuracy_counts_each_question_once_and_has_an_interval() -> None:
    answers = {"way": "old", "year": "1862", "city": "Paris"}
    # By seed: which of way, year and city is right; a tie is not.
    told = {0: (0.9, 0.8, 0.7), 1: (0.6, 0.4, 0.7), 2: (0.8, 0.5, 0.6)}
    rows = []
    for seed, shares in told.items():
        for (question, label), share in zip(answers.items(), shares, strict=True):
            rows.append(row("old", seed, label, share, question=question))
            rows.append(row("old", seed, "other", 1 - share, question=question))
    rows.append(row("base", 0, "old", 0.2))
    rows.append(row("base", 0, "new", 0.8))
    rows.append(row("base", 0, "a", 1.0, question="no answer to it"))
    found = accuracies(rows, answers)
    old, *seeds, base, _ = found
    assert [(a.arm, a.seed, a.rate) for a in seeds] == [
        ("old", 0, 1.0),
        ("old", 1, pytest.approx(2 / 3)),
        ("old", 2, pytest.approx(2 / 3)),
    ]
    assert (old.seed, old.questions, old.n, old.seeds, old.within) == (None, 3, 9, 3, None)
    assert old.rate == pytest.approx(7 / 9)
    assert old.probability == pytest.approx(6 / 9)
    assert old.low < old.rate < old.high
    assert (base.rate, base.questions, base.within) == (0.0, 1, "one run")
    assert base.method == "Wilson over questions, within one run"
    assert accuracies(rows, {}) == []
