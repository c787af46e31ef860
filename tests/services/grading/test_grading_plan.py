"""A plan of grading: balanced at any moment, resumed as it was; repeats never count."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pytest

from store.verify import rebuild, verify
from tests.builders.mini_home import MiniHome
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data.database import files_of, reading
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.services.grading.grade_export import export_grades
from wgen_tui.services.grading.grade_files import agreement
from wgen_tui.services.grading.grading_plan import Available, PlanChoice, draw_plan, plan_of
from wgen_tui.services.grading.session import GradingSession, session

RUBRIC = "era"
ADA = "human:ada"


@pytest.fixture
def mini(tmp_path: Path) -> MiniHome:
    """An empty home."""
    return MiniHome(Home(tmp_path / "home").ensure())


@pytest.fixture
def home(mini: MiniHome) -> Home:
    """Twelve samples of each of two questions: by two seeds of one arm, by one of another."""
    mini.definition()
    runs = [mini.run("old", 0), mini.run("old", 1), mini.run("new", 0)]
    for run_id in runs:
        mini.draw(run_id, lambda question, draw: f"{question} {draw}", draws=12)
    mini.launch(runs)
    ingest_now(mini.home)
    return mini.home


def places(home: Home) -> dict[int, tuple[str, str]]:
    """Arm and question of each sample."""
    with reading(home) as con:
        rows = con.execute("select sample_id, arm, question from samples").fetchall()
    return {sample_id: (arm, question) for sample_id, arm, question in rows}


def grade_all(grading: GradingSession, verdicts: dict[int, str] | None = None) -> list[int]:
    """Grade to the end of the plan; what is shown twice is \"old\" first and \"modern\" then."""
    seen: list[int] = []
    while (item := grading.next()) is not None:
        grading.grade("modern" if item.sample_id in seen else "old")
        seen.append(item.sample_id)
    return seen


def test_arms_and_questions_are_balanced_wherever_one_stops(home: Home) -> None:
    of = places(home)
    plan = draw_plan(home, "mini", RUBRIC, ADA, PlanChoice(40, repeats=0))
    assert plan.available == len(of) == 72
    assert len(set(plan.showings)) == 40
    assert Counter(of[key] for key in plan.showings) == {
        (arm, question): 10 for arm in ("old", "new") for question in ("transport", "bird")
    }
    for many in range(8, 40, 8):  # blocks of four rounds over two arms
        arms = Counter(of[key][0] for key in plan.showings[:many])
        assert arms["old"] == arms["new"]
    shorter = draw_plan(home, "mini", RUBRIC, "human:bo", PlanChoice(16, repeats=0))
    assert set(shorter.showings) == set(plan.showings[:16]), "graders share what they can"
    other = draw_plan(home, "mini", RUBRIC, ADA, PlanChoice(40, repeats=0, seed=1))
    assert set(other.showings) != set(plan.showings)
    everything = draw_plan(home, "mini", RUBRIC, ADA, PlanChoice(1000, repeats=0))
    assert set(everything.showings) == set(of), "an arm with fewer samples ends, the other goes on"


@pytest.mark.parametrize("samples", [1, 2, 3, 30])
def test_repeats_are_well_apart(home: Home, samples: int) -> None:
    plan = draw_plan(home, "mini", RUBRIC, ADA, PlanChoice(samples, "random", 1000))
    assert (plan.samples, plan.repeats) == (samples, samples - max(samples // 3, 1))
    for sample_id in set(plan.showings):
        shown = [place for place, key in enumerate(plan.showings) if key == sample_id]
        assert len(shown) == 1 or shown[1] - shown[0] >= max(samples // 3, 1)


def test_leaving_and_coming_back_goes_on_in_the_same_plan(home: Home, mini: MiniHome) -> None:
    first = session(home, "mini", None, "ada")
    assert plan_of(home, "mini", RUBRIC, ADA) is None, "to look plans nothing"
    assert first.next() is not None
    first.grade("old")
    first.close()
    late = mini.run("base", 0)
    mini.draw(late, lambda question, draw: "late", draws=5)
    mini.launch([late])
    again = session(home, "mini", None, "ada")
    assert again.plan == first.plan == plan_of(home, "mini", RUBRIC, ADA)
    assert again.progress() == (1, len(first.plan.showings))
    chosen = session(home, "mini", None, "ada", plan=PlanChoice(4, "random", 2))
    assert (chosen.plan.samples, chosen.plan.repeats) == (4, 2)
    assert chosen.plan.available == len(places(home)) - 1
    assert first.plan.showings[0] not in chosen.plan.showings, "what is graded is not planned again"
    assert session(home, "mini", None, "ada").plan == chosen.plan
    assert session(home, "mini", None, "bo").plan != chosen.plan


def test_a_repeat_is_measured_and_never_counts(home: Home) -> None:
    grading = session(home, "mini", None, "ada", plan=PlanChoice(12, repeats=4))
    seen = grade_all(grading)
    assert len(seen) == 16
    assert grading.progress() == (16, 16)
    stream = io.StringIO()
    assert export_grades(home, "mini", stream, form="json") == 12
    exported = json.loads(stream.getvalue())["grades"]
    assert [row["label"] for row in exported] == ["old"] * 12
    (own, *_) = agreement(home, "mini")
    assert own[:2] == (ADA, ADA)
    assert (own[2].n, own[2].agreement) == (4, 0.0)
    counted = "select count(*), count(distinct sample_id) from grades where grader = 'human:ada'"
    for ingested in (False, True):
        if ingested:
            ingest_now(home)
            assert verify(files_of(home)) == []
            rebuild(files_of(home))
        with reading(home) as con:
            assert con.execute(counted).fetchall() == [(12, 12)]
            every = "select count(*), count(repeat_of) from grades_all where grader = 'human:ada'"
            assert con.execute(every).fetchall() == [(16, 4)]


def test_undoing_takes_back_the_repeat_and_then_the_first(home: Home) -> None:
    grading = session(home, "mini", None, "ada", plan=PlanChoice(2, repeats=1))
    first, *_, last = grade_all(grading)
    assert last == first
    undone = grading.undo()
    assert undone is not None
    assert undone.sample_id == first
    assert grading.progress() == (2, 3)
    assert [pair for pair in agreement(home, "mini") if pair[1] == ADA] == []
    resumed = session(home, "mini", None, "ada")
    item = resumed.next()
    assert item is not None
    assert item.sample_id == first
    assert resumed.grade("old").repeat_of is not None
    (own, *_) = agreement(home, "mini")
    assert (own[1], own[2].n, own[2].agreement) == (ADA, 1, 1.0)


@pytest.mark.parametrize(("samples", "repeats"), [(0, 0), (73, 0), (12, 9), (12, -1)])
def test_a_plan_that_cannot_be_is_refused(samples: int, repeats: int) -> None:
    with pytest.raises(UsageError):
        Available(72, 2, 2).choose(samples, "balanced", repeats)
    assert Available(72, 2, 2).choose(12, "random", 8) == PlanChoice(12, "random", 8)
