"""What a person is going to grade: how many samples, which, and which of them twice.

Promises: a plan is drawn by a seed and written down with the samples in their order, so whoever
comes back goes on in the same plan, whatever runs came or went; nothing of it tells whose a sample
is. Every plan of one seed takes samples in the same order, so that graders can be compared.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from store import grades as stored
from store.grades import Cell
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.record import Record, now
from wgen_tui.services.data.database import in_little_memory, reading
from wgen_tui.services.data.journal import Journal, lines

Draw = Literal["balanced", "random"]
SAMPLES = 120  # of a plan that nobody chose: a share of all to within 9 points
REPEATED = 0.1  # of them, shown twice
LARGEST = 10_000  # samples of a plan: weeks of work, and a line of a journal
BLOCK = 4  # rounds over the arms that are shuffled together
APART = 3  # a third of the plan, at least, is between a sample and its repeat


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """What a person says of a plan.

    Attributes:
        samples: How many to grade, at most.
        draw: `balanced`: equally many of each arm, and in it of each question; `random`: as they
            come, each with the same chance.
        repeats: How many of them are shown a second time.
        seed: Which of all such plans.
    """

    samples: int = SAMPLES
    draw: Draw = "balanced"
    repeats: int | None = None
    seed: int = 0

    def repeats_of(self, samples: int) -> int:
        """How many of so many are shown twice: no more than can be kept apart."""
        wanted = round(samples * REPEATED) if self.repeats is None else self.repeats
        return min(wanted, most_repeats(samples))


def most_repeats(samples: int) -> int:
    """How many of so many samples can be shown twice, well apart."""
    return max(samples - max(samples // APART, 1), 0)


class GradingPlan(Record):
    """One line of journal/plans-*.jsonl; a person's newest for an experiment and rubric counts.

    Attributes:
        available: Samples that there were to choose from: not graded by this person.
        showings: Samples in the order in which they are shown; the second time is the repeat.
    """

    experiment: str
    rubric: str
    grader: str
    draw: Draw
    seed: int
    available: int
    showings: tuple[int, ...]
    created_at: datetime

    @property
    def samples(self) -> int:
        """How many are graded."""
        return len(set(self.showings))

    @property
    def repeats(self) -> int:
        """How many of them are shown twice."""
        return len(self.showings) - self.samples


@dataclass(frozen=True, slots=True)
class Available:
    """What a plan can be made of."""

    samples: int
    arms: int
    questions: int

    @property
    def most(self) -> int:
        """Of how many samples a plan can be."""
        return min(self.samples, LARGEST)

    @property
    def usual(self) -> PlanChoice:
        """The plan of whoever says nothing."""
        return PlanChoice(samples=min(SAMPLES, self.most))

    def choose(
        self, samples: int, draw: Draw, repeats: int | None = None, seed: int = 0
    ) -> PlanChoice:
        """A plan, if it can be.

        Raises:
            UsageError: it cannot, and what can.
        """
        if not 1 <= samples <= self.most:
            raise UsageError(
                f"From 1 to {self.most:,} samples can be graded, not {samples:,}.",
                title="Plan",
                hint=f"--samples {self.most if samples > 1 else 1}",
            )
        twice = most_repeats(samples)
        if repeats is not None and not 0 <= repeats <= twice:
            raise UsageError(
                f"Of {samples:,}, at most {twice:,} can be shown twice, well apart.",
                title="Plan",
                hint=f"--repeats {twice}",
            )
        return PlanChoice(samples, draw, repeats, seed)


@in_little_memory
def available(home: Home, experiment: str, rubric: str, grader: str) -> Available:
    """What a person has not graded yet."""
    with reading(home) as con:
        cells = stored.ungraded(con, experiment, rubric, grader, 0, 1)
    return Available(
        samples=sum(cell.n for cell in cells),
        arms=len({(cell.model, cell.arm) for cell in cells}),
        questions=len({cell.question for cell in cells}),
    )


@in_little_memory
def draw_plan(
    home: Home, experiment: str, rubric: str, grader: str, choice: PlanChoice
) -> GradingPlan:
    """A plan over what a person has not graded yet; it is written nowhere."""
    mask = digest("plan", choice.seed) if choice.seed else 0
    most = min(max(choice.samples, 1), LARGEST)
    balanced = choice.draw == "balanced"
    with reading(home) as con:
        cells = stored.ungraded(con, experiment, rubric, grader, mask, most if balanced else 1)
        if balanced:
            taken: Sequence[int] = _balanced(cells, most, random.Random(choice.seed))
        else:
            taken = stored.blind_order(con, experiment, rubric, grader, mask, most)
    return GradingPlan(
        experiment=experiment,
        rubric=rubric,
        grader=grader,
        draw=choice.draw,
        seed=choice.seed,
        available=sum(cell.n for cell in cells),
        showings=_with_repeats(
            taken, choice.repeats_of(len(taken)), random.Random(f"repeats {choice.seed}")
        ),
        created_at=now(),
    )


def _balanced(cells: list[Cell], most: int, rng: random.Random) -> tuple[int, ...]:
    """Samples of all arms in turn, of each arm's questions in turn; all of which tells no arm."""
    order = {name: rng.random() for name in sorted({cell.question for cell in cells})}
    by_arm: dict[tuple[str, str], list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: order[cell.question]):
        by_arm.setdefault((cell.model, cell.arm), []).append(cell)
    supplies = [_in_turn([iter(cell.first) for cell in by_arm[arm]]) for arm in sorted(by_arm)]
    rng.shuffle(supplies)
    taken: list[int] = []
    block: list[int] = []
    for sample_id in _in_turn(supplies):
        if len(taken) + len(block) == most:
            break
        block.append(sample_id)
        if len(block) == BLOCK * len(supplies):
            rng.shuffle(block)
            taken += block
            block = []
    rng.shuffle(block)
    return (*taken, *block)


def _in_turn(supplies: list[Iterator[int]]) -> Iterator[int]:
    """One of each in turn, until none has any left."""
    while supplies:
        left = []
        for supply in supplies:
            sample_id = next(supply, None)
            if sample_id is not None:
                left.append(supply)
                yield sample_id
        supplies = left


def _with_repeats(taken: Sequence[int], n: int, rng: random.Random) -> tuple[int, ...]:
    """The samples, and some of them a second time, at least a third of the plan later."""
    apart = max(len(taken) // APART, 1)
    early = range(max(len(taken) - apart, 0))
    twice = rng.sample(early, min(n, len(early)))
    after: dict[int, list[int]] = {}
    for place in twice:
        after.setdefault(rng.randrange(place + apart, len(taken)), []).append(taken[place])
    showings: list[int] = []
    for place, sample_id in enumerate(taken):
        showings += [sample_id, *after.get(place, [])]
    return tuple(showings)


def repeat_places(showings: Sequence[int]) -> frozenset[int]:
    """The places of samples that were shown before."""
    seen: set[int] = set()
    places: set[int] = set()
    for place, sample_id in enumerate(showings):
        if sample_id in seen:
            places.add(place)
        seen.add(sample_id)
    return frozenset(places)


def plan_of(home: Home, experiment: str, rubric: str, grader: str) -> GradingPlan | None:
    """A person's plan; None where there is none."""
    own = [
        plan
        for plan in lines(home, "plans", GradingPlan)
        if (plan.experiment, plan.rubric, plan.grader) == (experiment, rubric, grader)
    ]
    return max(own, key=lambda plan: plan.created_at, default=None)


def keep_plan(home: Home, plan: GradingPlan) -> None:
    """Write a plan down; from here on it counts.

    Raises:
        UsageError: it cannot be written.
    """
    Journal(home, "plans", plan.grader, "The plan").append(plan)
