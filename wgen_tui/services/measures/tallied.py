"""What became of an experiment's samples, for each of its primary measures, with the query.

Promises: a plain share of a rule's or a person's label is counted as it always was; every other
measure by `store.measured`; a judge is asked about once for all measures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from experiments.answers import without_answer
from experiments.panel import verdicts_of
from experiments.schema import BROKEN_JUDGE, Analysis, Definition, Measure
from store import measured as stored
from store.connect import Connection
from store.measured import Asked, Tally
from store.queries import COUNTS, READOUT_MEANS, Mean, counts
from wgen_tui.services.measures.beside import Measured
from wgen_tui.services.measures.cells import read_tallies
from wgen_tui.services.measures.chosen_verdicts import (
    ChosenJudge,
    asked_of,
    choose,
    judges_of,
    model_judges_of,
)


@dataclass(frozen=True, slots=True)
class MeasureRows:
    """One measure with its counts.

    Attributes:
        sql: The query behind them.
        asked: What is asked of each sample's grades; None where nothing is graded.
    """

    measured: Measured
    rows: Sequence[Tally]
    sql: str
    asked: Asked | None = None


@dataclass(frozen=True, slots=True)
class Tallied:
    """The measures of a plan, and whose verdicts count for them, by judge."""

    measures: Sequence[MeasureRows]
    chosen: Mapping[str, ChosenJudge]


def tally(
    con: Connection,
    experiment: str,
    plan: Analysis,
    definition: Definition | None,
    *,
    grader: str | None = None,
    read: Sequence[Mean] = (),
    answers: Mapping[str, str] | None = None,
) -> Tallied:
    """Count what became of the samples for each primary measure.

    Args:
        con: From `store.connect.read`.
        experiment: Slug.
        plan: Its measures.
        definition: Which judges are models, and what they may say.
        grader: Whose verdicts count for the judge of the headline; chosen when None.
        read: What was read, for accuracy.
        answers: Of the questions that are read, what is right.
    """
    primaries = plan.primaries
    chosen = choose_verdicts(con, experiment, primaries.values(), definition, grader)
    listed = []
    for name, measure in primaries.items():
        judge = measure.graded_by
        if judge is None:
            asked = answers or {}
            if measure.questions is not None:
                asked = {q: right for q, right in asked.items() if q in measure.questions}
            rows = read_tallies(experiment, read, asked)
            sql = filled(READOUT_MEANS, experiment=experiment)
            listed.append(MeasureRows(Measured(name, measure), rows, sql))
            continue
        verdicts = chosen[judge].verdicts
        measured = Measured(name, measure, verdicts.grader, _limits(measure, definition))
        if _is_plain(measure) and not chosen[judge].is_model:
            question = asked_of(measure, dict(chosen), plan.unclear)
            label = measure.label or ""
            given = {"judge": judge, "grader": verdicts.grader}
            of_labels = counts(con, experiment, **given)
            rows = stored.tallies_of(of_labels, label, plan.unclear)
            sql = filled(COUNTS, experiment=experiment, **given)
        else:
            graded = _graded(judge, definition)
            unanswered = _unanswered(definition) if measure.correct else ()
            question = asked_of(measure, dict(chosen), plan.unclear, graded, unanswered)
            rows = stored.tallies(con, experiment, question)
            sql = stored.query_of(experiment, question)
        listed.append(MeasureRows(measured, rows, sql, question))
    return Tallied(listed, chosen)


def choose_verdicts(
    con: Connection,
    experiment: str,
    measures: Iterable[Measure],
    definition: Definition | None,
    grader: str | None = None,
) -> dict[str, ChosenJudge]:
    """Whose verdicts count, for every judge that these measures ask.

    Args:
        con: From `store.connect.read`.
        experiment: Slug.
        measures: Of one plan.
        definition: Which judges are models.
        grader: Whose count for the first of these judges; chosen when None.
    """
    names = judges_of(measures)
    rules = {judge.name for judge in definition.judges} if definition is not None else set()
    # Verdicts of rules are of the newest definition, and need no look at all there are.
    asked = [name for name in names if name not in rules or grader is not None]
    judged = stored.judged(con, experiment, asked) if asked else []
    return choose(names, model_judges_of(definition), judged, grader)


def _unanswered(definition: Definition | None) -> tuple[tuple[str, str], ...]:
    """Questions with answers, in the variants that have none."""
    if definition is None:
        return ()
    return tuple(
        (question.name, variant)
        for question in definition.questions
        for variant in without_answer(question, definition.sampling)
    )


def _graded(judge: str, definition: Definition | None) -> tuple[str, ...] | None:
    """The questions that a judge grades; None where that is all, or is not known."""
    if definition is None:
        return None
    judges = verdicts_of(definition)
    questions = judges[judge].questions if judge in judges else ()
    return questions if 0 < len(questions) < len(judges[BROKEN_JUDGE].questions) else None


def _is_plain(measure: Measure) -> bool:
    return measure.kind == "label" and not (
        measure.given or measure.exclude or measure.questions is not None
    )


def _limits(measure: Measure, definition: Definition | None) -> tuple[float, float] | None:
    """What the numbers of a mean can be; of a share, 0 and 1."""
    if measure.kind != "mean":
        return 0.0, 1.0
    rated = model_judges_of(definition).get(measure.judge or "")
    if rated is None and definition is not None:
        scales = {item.name: item.scale for item in definition.rubrics}
        rated = scales.get(measure.judge or "")
    return rated


def filled(query: str, **values: str) -> str:
    """A query with its parameters filled in, ready for `wgen-tui sql`."""
    for name, value in values.items():
        query = query.replace(f"${name}", stored.text(value))
    return query
