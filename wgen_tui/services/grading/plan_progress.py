"""How far a person is in a plan, and a new plan by name: what `grade plan` shows and makes.

Promises: to look plans nothing; what is refused leaves the present plan as it was.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from store import grades as stored
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data.database import in_little_memory, reading
from wgen_tui.services.grading.grading_plan import (
    Draw,
    GradingPlan,
    PlanChoice,
    available,
    draw_plan,
    plan_of,
    repeat_places,
)


@dataclass(frozen=True, slots=True)
class Given:
    """What a person has graded.

    Attributes:
        done: Sample → the grade it has.
        repeated: Sample that the plan shows twice → the grade that repeats it.
    """

    done: dict[int, int]
    repeated: dict[int, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """A plan, and how far it is.

    Attributes:
        kept: Whether it is written down; one that is not begins with the first grade.
        graded: Showings of it that are graded.
    """

    plan: GradingPlan
    kept: bool
    graded: int

    @property
    def left(self) -> int:
        """Showings that are still to be graded."""
        return len(self.plan.showings) - self.graded


@in_little_memory
def given(home: Home, plan: GradingPlan) -> Given:
    """What its person has graded, of this plan and before it."""
    of = (plan.experiment, plan.rubric, plan.grader)
    with reading(home) as con:
        done = stored.graded_by(con, *of)
        repeats = stored.repeats(con, *of)
    twice = {plan.showings[place] for place in repeat_places(plan.showings)}
    return Given(
        done, {item.sample_id: item.grade_id for item in repeats if item.sample_id in twice}
    )


def graded_showings(
    showings: Sequence[int],
    again: Container[int],
    done: Mapping[int, int],
    repeated: Mapping[int, int],
) -> int:
    """How many showings of a plan are graded; `again` are the places of its repeats."""
    return sum(
        sample_id in (repeated if place in again else done)
        for place, sample_id in enumerate(showings)
    )


def standing(home: Home, experiment: str, rubric: str, grader: str) -> Standing:
    """The plan that a person follows; the usual one, not kept, where none was chosen.

    Raises:
        UsageError: there is nothing to grade.
    """
    present = plan_of(home, experiment, rubric, grader)
    plan = present or draw_plan(home, experiment, rubric, grader, PlanChoice())
    of_it = given(home, plan)
    if not plan.showings:
        raise nothing_left(experiment, of_it)
    again = repeat_places(plan.showings)
    graded = graded_showings(plan.showings, again, of_it.done, of_it.repeated)
    return Standing(plan, present is not None, graded)


def plan_anew(
    home: Home,
    experiment: str,
    rubric: str,
    grader: str,
    *,
    samples: int | None = None,
    draw: Draw = "balanced",
    repeats: int | None = None,
    seed: int = 0,
) -> GradingPlan:
    """Draw another plan over what a person has not graded; it is written nowhere.

    Raises:
        UsageError: it cannot be, and what can.
    """
    there = available(home, experiment, rubric, grader)
    if not there.samples:
        empty = draw_plan(home, experiment, rubric, grader, PlanChoice())
        raise nothing_left(experiment, given(home, empty))
    wanted = there.usual.samples if samples is None else samples
    choice = there.choose(wanted, draw, repeats, seed)
    return draw_plan(home, experiment, rubric, grader, choice)


def nothing_left(experiment: str, of_it: Given) -> UsageError:
    """Why nothing can be planned: all is graded, or nothing was sampled yet."""
    if of_it.done:
        return UsageError(
            f"You have graded every sample of {experiment}.",
            title="Nothing left",
            hint=f"wgen-tui grade agreement {experiment}",
        )
    return UsageError(
        f"Experiment {experiment} has no samples to grade.",
        title="No samples yet",
        hint=f"wgen-tui run start {experiment}",
    )
