"""What a person's grades say once they are no longer blind: agreement with the rule, rates by arm.

Promises: counts are of that person's grades that count; agreement is with the judge whose labels
the rubric has, over the samples that both labelled, and says how many those are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from experiments.schema import Rubric
from store import grades as stored
from wgen_tui.paths import Home
from wgen_tui.services.data.database import in_little_memory, reading
from wgen_tui.services.grading.session import rubric_named
from wgen_tui.services.grading.unblinding import unblind
from wgen_tui.services.statistics.intervals import wilson
from wgen_tui.services.statistics.kappa import Agreement, agreement_of


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """How a person graded an arm.

    Attributes:
        labels: Label -> how many.
        low, high: Wilson's interval of the share of the first label.
    """

    arm: str
    n: int
    labels: dict[str, int]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A sample that a person and the rule label otherwise."""

    sample_id: int
    arm: str
    question: str
    by_person: str
    by_rule: str
    completion: str


@dataclass(frozen=True, slots=True)
class GradeReport:
    """What was graded.

    Attributes:
        labels: Of the rubric, in its order; rates by arm are of the first.
        graded: By this person, with a label.
        agreement: With the rule; None where it labelled none of these samples.
        with_oneself: Over the samples that were shown twice; None where none was.
        unblinded_at: From when on this person's grades are not blind.
    """

    experiment: str
    rubric: str
    judge: str | None
    grader: str
    labels: tuple[str, ...]
    graded: int
    arms: list[ArmCounts]
    agreement: Agreement | None
    disagreements: list[Disagreement]
    unblinded_at: datetime
    with_oneself: Agreement | None = None


@in_little_memory
def self_agreement(home: Home, experiment: str, rubric: str, grader: str) -> Agreement | None:
    """How a person agrees with themselves over what was shown twice; it tells no arm."""
    with reading(home) as con:
        repeated = stored.repeats(con, experiment, rubric, grader)
    both = [(item.first, item.second) for item in repeated]
    return agreement_of(both) if both else None


@in_little_memory
def _beside_rule(
    home: Home, experiment: str, rubric: Rubric, grader: str
) -> list[tuple[int, str, str, str, str | None, str]]:
    with reading(home) as con:
        return stored.beside_rule(con, experiment, rubric.name, grader, rubric.judge)


def report(home: Home, experiment: str, rubric: str, grader: str) -> GradeReport:
    """What a person graded, and how it agrees with the rule; from here on they are not blind.

    Raises:
        UsageError: the unblinding cannot be written down; nothing is told then.
    """
    chosen = rubric_named(home, experiment, rubric)
    moment = unblind(home, experiment, chosen.name, grader)
    rows = _beside_rule(home, experiment, chosen, grader)
    labels = tuple(chosen.labels)
    both = [(row[3], row[4]) for row in rows if row[4] is not None]
    by_arm: dict[str, Counter[str]] = {}
    for _, arm, _, label, _, _ in rows:
        by_arm.setdefault(arm, Counter())[label] += 1
    return GradeReport(
        experiment=experiment,
        rubric=chosen.name,
        judge=chosen.judge,
        grader=grader,
        labels=labels,
        graded=len(rows),
        arms=[_arm(arm, counts, labels) for arm, counts in sorted(by_arm.items())],
        agreement=agreement_of(both) if both else None,
        disagreements=[
            Disagreement(sample_id, arm, question, label, rule, completion)
            for sample_id, arm, question, label, rule, completion in rows
            if rule is not None and rule != label
        ],
        unblinded_at=moment,
        with_oneself=self_agreement(home, experiment, chosen.name, grader),
    )


def _arm(arm: str, counts: Counter[str], labels: tuple[str, ...]) -> ArmCounts:
    n = counts.total()
    low, high = wilson(counts[labels[0]] if labels else 0, n)
    return ArmCounts(arm, n, {label: counts[label] for label in labels}, low, high)
