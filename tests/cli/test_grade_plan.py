"""`grade plan`: the plan of the dialog by options, shown without; a refusal changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builders.mini_home import MiniHome
from tests.cli.test_start import assert_shape
from wgen_tui.cli.main import main
from wgen_tui.cli.shapes.base import example
from wgen_tui.cli.shapes.catalogue import SHAPES
from wgen_tui.paths import Home
from wgen_tui.services.grading.grading_plan import PlanChoice, draw_plan, plan_of
from wgen_tui.services.grading.session import session

OF = ("mini", "era", "human:ada")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Four samples of each of two questions by two arms: 16."""
    mini = MiniHome(Home(tmp_path / "home"))
    mini.definition()
    for arm in ("old", "new"):
        mini.draw(mini.run(arm, 0), lambda question, draw: f"{question} {draw}", draws=4)
    return mini.home


@pytest.fixture
def plan(home: Home, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[Any, str]]:
    """`plan(*words, code=0)`: what `grade plan mini --grader ada --json` printed, and said."""

    def run(*words: str, code: int = 0, before: tuple[str, ...] = ()) -> tuple[Any, str]:
        named = ["--home", str(home.root), *before, "grade", "plan", "mini", "--grader", "ada"]
        assert main([*named, *words, "--json"]) == code
        shown = capsys.readouterr()
        return json.loads(shown.out) if shown.out else None, shown.err

    return run


def test_a_plan_is_shown_made_followed_and_replaced(
    home: Home, plan: Callable[..., tuple[Any, str]]
) -> None:
    shown, _ = plan()
    assert_shape(example(SHAPES["grade plan"]), shown)
    assert (shown["kept"], shown["samples"], shown["available"]) == (False, 16, 16)
    assert plan_of(home, *OF) is None, "to look plans nothing"

    words = ("--samples", "10", "--draw", "random", "--repeats", "3", "--seed", "4")
    tried, _ = plan(*words, "--dry-run")
    assert plan_of(home, *OF) is None
    made, said = plan(*words)
    assert not said
    kept = plan_of(home, *OF)
    assert kept is not None
    choice = PlanChoice(10, "random", 3, seed=4)
    assert kept.showings == draw_plan(home, *OF, choice).showings, "the dialog's very plan"
    assert [int(key) for key in made["showings"]] == list(kept.showings)
    assert made["showings"] == tried["showings"]

    grading = session(home, "mini", None, "ada")
    assert grading.plan == kept
    for _ in range(3):
        assert grading.next() is not None
        grading.grade("old")
    shown, _ = plan()
    assert (shown["graded"], shown["left"], shown["repeats"]) == (3, 10, 3)

    again, said = plan("--samples", "5")
    assert "10 samples, 3 of 13 showings graded" in said
    assert "grades as human:ada now" in said, "the session is still open"
    grading.close()
    assert (again["samples"], again["repeats"], again["draw"]) == (5, 0, "balanced")
    assert again["available"] == 13


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--samples", "17"), "--samples 16"),
        (("--samples", "0"), "--samples 1"),
        (("--samples", "12", "--repeats", "9"), "--repeats 8"),
        (("--rubric", "ear", "--samples", "4"), "Did you mean era?"),
        (("--draw", "balance"), "balanced"),
        (("--samples", "4", "--grader", "\x07"), "cannot be a grader"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(
    home: Home, plan: Callable[..., tuple[Any, str]], words: tuple[str, ...], said: str
) -> None:
    made, why = plan(*words, code=2)
    assert made is None
    assert said in why
    assert plan_of(home, *OF) is None


def test_a_home_that_is_only_read_can_be_asked(
    home: Home, plan: Callable[..., tuple[Any, str]]
) -> None:
    assert plan("--samples", "9", "--dry-run", before=("--readonly",))[0]["samples"] == 9
    assert "--dry-run" in plan("--samples", "9", code=2, before=("--readonly",))[1]
    assert plan_of(home, *OF) is None


def test_when_all_is_graded_or_nothing_drawn_it_says_so(
    home: Home,
    plan: Callable[..., tuple[Any, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    grading = session(home, "mini", None, "ada", plan=PlanChoice(16, repeats=0))
    while grading.next() is not None:
        grading.grade("old")
    grading.close()
    assert "graded every sample" in plan("--samples", "3", code=2)[1]
    assert plan()[0]["left"] == 0
    MiniHome(home).definition("bare")
    for name, said in (("bare", "no samples to grade"), ("minni", "Did you mean 'mini'?")):
        assert main(["--home", str(home.root), "grade", "plan", name]) == 2
        assert said in capsys.readouterr().err
