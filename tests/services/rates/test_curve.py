"""The curve over steps: the same questions at every step, base as step 0."""

from __future__ import annotations

from experiments.schema import Analysis, Primary
from store.measured import Tally, tallies_of
from store.queries import Count
from wgen_tui.services.rates.curve import curve_of

PLAN = Analysis(primary=Primary(judge="era", label="old"))


def counted(arm: str, seed: int, step: int, question: str, old: int, n: int = 10) -> list[Count]:
    """What the judge said of one run's samples at one step."""
    role = "base" if arm == "base" else "treatment"
    at = ("names", "tiny", arm, role, seed, f"{arm}-{seed}", step, question, "none")
    return [Count(*at, "old", old, 0), Count(*at, "modern", n - old, 0)]


def tallies(rows: list[Count]) -> list[Tally]:
    return tallies_of(rows, "old", "unclear")


def rows_of(*groups: list[Count]) -> list[Count]:
    return [row for group in groups for row in group]


def test_points_are_of_the_questions_that_every_step_was_asked() -> None:
    rows = rows_of(
        counted("base", 0, 0, "travel", 0),
        counted("base", 0, 0, "bird", 10),
        *(counted("old", seed, 5, "travel", 2 + seed) for seed in (0, 1)),
        *(counted("old", seed, 20, "travel", 8 + 2 * seed, 20) for seed in (0, 1)),
        *(counted("old", seed, 20, "bird", 10) for seed in (0, 1)),
    )
    curve = curve_of(tallies(rows), PLAN, "t")
    assert curve is not None
    assert (curve.questions, curve.left_out) == (["travel"], ["bird"])
    points = [(r.arm, r.checkpoint, r.seeds, r.n, r.rate) for r in curve.rates]
    assert points == [("old", 5, 2, 20, 0.25), ("old", 20, 2, 40, 0.45), ("base", 0, 1, 10, 0.0)]
    assert all(rate.low <= rate.rate <= rate.high for rate in curve.rates)


def test_arms_sampled_at_one_step_have_no_curve() -> None:
    once = rows_of(counted("base", 0, 0, "travel", 0), counted("old", 0, 20, "travel", 8))
    assert curve_of(tallies(once), PLAN, "t") is None
    assert curve_of([], PLAN, "t") is None
    apart = rows_of(counted("old", 0, 5, "travel", 1), counted("old", 0, 20, "bird", 1))
    assert curve_of(tallies(apart), PLAN, "t") is None, "nothing was asked twice"
    other = rows_of(once, counted("new", 0, 5, "travel", 1), counted("new", 0, 20, "travel", 1))
    curve = curve_of(tallies(other), PLAN, "t")
    assert curve is not None
    assert {rate.arm for rate in curve.rates} == {"new", "base"}
