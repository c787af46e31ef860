"""Grading by people: blind, one sample after another, nothing lost, everything can be undone.

Promises: the order is the same for every grader and tells nothing of arm, seed or model; a grade is
on disk (journal, fsynced) before `grade` returns; undoing appends a retraction, nothing is erased;
a session never opens the database for writing; the samples that come next are read while one is
shown (`read_ahead`), so that a key waits for no database.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from experiments.schema import Rubric
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.hashes import digest, short_hash
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import GradeRow
from wgen_tui.services.data.journal import Journal
from wgen_tui.services.experiments import definitions
from wgen_tui.services.grading.grading_plan import (
    GradingPlan,
    PlanChoice,
    draw_plan,
    keep_plan,
    plan_of,
    repeat_places,
)
from wgen_tui.services.grading.plan_progress import given, graded_showings, nothing_left
from wgen_tui.services.grading.read_ahead import ReadAhead
from wgen_tui.services.grading.unblinding import NameLock, unblinded_at
from wgen_tui.services.suggest import unknown

AHEAD = 12  # samples; a person reads half of these for longer than others take to come
REACH = 10 * AHEAD  # places in which they are looked for


@dataclass(frozen=True, slots=True)
class BlindItem:
    """A sample as a grader sees it: no arm, no seed, no model, no run.

    Attributes:
        question_text: The last user turn.
        prompt_text: All that the model read.
        position: Its place in the plan, from 1.
        total: How many showings the plan has.
        label: What this grader gave it before, if the session has come back to it.
    """

    sample_id: int
    question_text: str
    prompt_text: str
    messages: tuple[dict[str, str], ...]
    completion: str
    position: int
    total: int
    label: str | None = None


def rubrics(home: Home, experiment: str) -> list[Rubric]:
    """The rubrics of an experiment.

    Raises:
        UsageError: it has none.
    """
    listed = list(definitions.load(home, experiment).rubrics)
    if not listed:
        raise UsageError(
            f"Experiment {experiment} has no rubric to grade by.",
            title="No rubric",
            hint="Add one to experiment.yaml: rubrics: [{name: era, labels: {old: o, modern: m}}]",
        )
    return listed


def rubric_named(home: Home, experiment: str, name: str | None) -> Rubric:
    """One rubric: the named one, or the first."""
    listed = rubrics(home, experiment)
    if name is None:
        return listed[0]
    for rubric in listed:
        if rubric.name == name:
            return rubric
    raise unknown("rubric", name, [rubric.name for rubric in listed])


def rubric_hash(rubric: Rubric) -> str:
    """Names a rubric by what it says."""
    return short_hash("rubric", rubric.model_dump(mode="json"))


def grader_name(name: str | None) -> str:
    """`human:<name>`; the login name when none is given."""
    name = name or getpass.getuser()
    if not name.strip() or not name.isprintable():
        raise UsageError(f"{name!r} cannot be a grader's name.", title="Bad name")
    return f"human:{name.strip()}"


def _question_of(messages: Sequence[dict[str, str]]) -> str:
    """What was asked: the last user turn."""
    asked = [turn["content"] for turn in messages if turn["role"] == "user"]
    return asked[-1] if asked else ""


class GradingSession:
    """One person grading one experiment by one rubric, as planned.

    Attributes:
        plan: What is shown, in which order; kept with the first grade, if it is not yet.
        unblinded_at: When this person first saw whose answers were graded; None while blind. Grades
            given after it say so (`signals`).
    """

    def __init__(
        self,
        home: Home,
        experiment: str,
        rubric: Rubric,
        grader: str,
        plan: GradingPlan,
        done: dict[int, int],
        repeated: dict[int, int],
        *,
        kept: bool,
    ) -> None:
        self.rubric = rubric
        self.grader = grader
        self.experiment = experiment
        self._home = home
        self.plan = plan
        self._kept = kept
        self._queue = plan.showings
        self._again = repeat_places(plan.showings)
        self._done = done  # sample -> grade
        self._repeated = repeated  # sample -> the grade that repeats it
        self._given: list[tuple[int, int]] = []  # (place, grade) of this session, for undo
        self._place = -1
        self._hash = rubric_hash(rubric)
        self._runs: dict[int, str] = {}
        self._journal = journal_of(home, grader)
        self._name = NameLock(home, grader)
        self.unblinded_at = unblinded_at(home, experiment, rubric.name, grader)
        self._ahead = ReadAhead(home)

    @property
    def name_is_shared(self) -> bool:
        """Whether another session graded under this name when this one began."""
        return self._name.shared

    def others_now(self) -> bool:
        """Whether another session grades under this name now."""
        return self._name.others()

    def close(self) -> None:
        """Let another session have the name; what was graded is on disk."""
        self._name.release()

    def progress(self) -> tuple[int, int]:
        """How many showings of the plan are graded, and of how many."""
        graded = graded_showings(self._queue, self._again, self._done, self._repeated)
        return graded, len(self._queue)

    @property
    def has_graded(self) -> bool:
        """Whether this person has graded any of it, in whatever plan."""
        return bool(self._done)

    def next(self) -> BlindItem | None:
        """The next sample that is not graded; None at the end."""
        place = next(self._places_after(self._place), None)
        return None if place is None else self._show(place)

    def _places_after(self, start: int) -> Iterator[int]:
        """Where samples that are not graded stand, after a place; what was skipped comes again."""
        for place in range(start + 1, len(self._queue)):
            if self._lacks(place):
                yield place
        for place in range(min(start, len(self._queue))):
            if self._lacks(place):
                yield place

    def _lacks(self, place: int) -> bool:
        """Whether the sample there is to be graded; to repeat it, it must have been graded."""
        sample_id = self._queue[place]
        if place in self._again:
            return self._done.get(sample_id, 0) != 0 and sample_id not in self._repeated
        return sample_id not in self._done

    def skip(self) -> BlindItem | None:
        """Leave this one for later."""
        return self.next()

    def _show(self, place: int, label: str | None = None) -> BlindItem | None:
        self._place = place
        sample_id = self._queue[place]
        sample = self._ahead.take(sample_id)
        if sample is None:  # its run was removed while this session lasted
            (self._repeated if place in self._again else self._done).setdefault(sample_id, 0)
            return self.next()
        self._runs[sample_id] = sample.row.run_id
        return BlindItem(
            sample_id=sample_id,
            question_text=_question_of(sample.messages),
            prompt_text=sample.prompt_text,
            messages=tuple(sample.messages),
            completion=sample.row.completion,
            position=place + 1,
            total=len(self._queue),
            label=label,
        )

    def read_ahead(self) -> None:
        """Begin to read the samples that probably come next; returns at once.

        To be called once a sample is painted: reading beside it would hold it up.
        """
        near = range(self._place + 1, min(self._place + 1 + REACH, len(self._queue)))
        ids = dict.fromkeys(self._queue[place] for place in near if self._lacks(place))
        self._ahead.fetch(list(ids)[:AHEAD])

    def grade(self, verdict: str, explanation: str = "", seconds: float | None = None) -> GradeRow:
        """Grade the sample that is shown; on disk when this returns.

        Args:
            verdict: A label of the rubric, or a number of its scale.
            explanation: Why, in the grader's words.
            seconds: How long it took.

        Raises:
            UsageError: the verdict is not the rubric's, or nothing is shown.
        """
        if verdict not in self.rubric.keys:
            raise unknown("label", verdict, list(self.rubric.keys))
        if self._place < 0:
            raise UsageError("No sample is shown.", title="Nothing to grade")
        sample_id = self._queue[self._place]
        again = self._place in self._again
        first = self._done[sample_id] if again else None
        row = self._row(sample_id, verdict, explanation, seconds, repeat_of=first)
        if not self._kept:
            keep_plan(self._home, self.plan)
            self._kept = True
        self._journal.append(row)
        (self._repeated if again else self._done)[sample_id] = row.grade_id
        self._given.append((self._place, row.grade_id))
        return row

    def undo(self) -> BlindItem | None:
        """Take back the last grade of this session and show its sample; None if there is none."""
        if not self._given:
            return None
        place, grade_id = self._given.pop()
        sample_id = self._queue[place]
        self._journal.append(self._row(sample_id, None, "", None, retracts=grade_id))
        (self._repeated if place in self._again else self._done).pop(sample_id, None)
        return self._show(place)

    def _row(
        self,
        sample_id: int,
        verdict: str | None,
        explanation: str,
        seconds: float | None,
        retracts: int | None = None,
        repeat_of: int | None = None,
    ) -> GradeRow:
        created = now()
        is_number = verdict is not None and verdict not in self.rubric.labels
        return GradeRow(
            grade_id=digest(
                "human", sample_id, self.rubric.name, self.grader, created.isoformat(), retracts
            ),
            sample_id=sample_id,
            run_id=self._runs[sample_id],
            judge=self.rubric.name,
            grader=self.grader,
            rubric=self._hash,
            label=None if is_number else verdict,
            number=float(verdict) if verdict is not None and is_number else None,
            explanation=explanation,
            signals={} if self.unblinded_at is None else {"unblinded": True},
            seconds=seconds,
            retracts=retracts,
            repeat_of=repeat_of,
            created_at=created,
        )


def journal_of(home: Home, grader: str) -> Journal:
    """The file that this process appends a person's grades to."""
    return Journal(home, "grades", grader, "The grade")


def session(
    home: Home,
    experiment: str,
    rubric: str | None = None,
    grader: str | None = None,
    plan: PlanChoice | None = None,
) -> GradingSession:
    """Start or resume grading an experiment.

    Args:
        home: Where the samples are.
        experiment: Slug.
        rubric: Name of the rubric; the first when None.
        grader: Name of the person; the login name when None.
        plan: A new plan, kept at once; this person's present one when None, else the usual one,
            which is kept with the first grade.

    Raises:
        UsageError: there is no rubric, or there are no samples.
    """
    chosen = rubric_named(home, experiment, rubric)
    name = grader_name(grader)
    present = plan_of(home, experiment, chosen.name, name) if plan is None else None
    planned = present or draw_plan(home, experiment, chosen.name, name, plan or PlanChoice())
    before = given(home, planned)
    if not planned.showings and not before.done:
        raise nothing_left(experiment, before)
    if plan is not None:
        keep_plan(home, planned)
    is_kept = present is not None or plan is not None
    return GradingSession(
        home, experiment, chosen, name, planned, before.done, before.repeated, kept=is_kept
    )
