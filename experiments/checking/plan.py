"""Whether the analysis plan can be computed: judges, labels, numbers, variants, arms that exist.

Promises: each name that stands for nothing is an error with the nearest that does, and so is a
measure that could have no sample, or a bound that all numbers, or none, would pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.answers import is_compared
from experiments.checking.names import SPELLING, unknown
from experiments.checking.verdicts import label_findings, number_findings
from experiments.panel import Verdicts, verdicts_of
from experiments.prompts import contexts_of, is_askable, spread_variants
from experiments.readouts import is_read
from experiments.schema import (
    BASE_ARM,
    CORRECT_JUDGE,
    NAME,
    Analysis,
    Contrast,
    Definition,
    Given,
    Measure,
    Primary,
)
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]
ANSWER = "answer: Paris, in a question"


def plan_findings(definition: Definition) -> Iterator[Finding]:
    """Everything that is wrong with `analysis`."""
    plan = definition.analysis
    if plan is None:
        return
    judges = verdicts_of(definition)
    yield from _primary(plan, definition, judges)
    for name, measure in plan.measures.items():
        path: KeyPath = ("analysis", "measures", name)
        if not NAME.match(name):
            yield path, f"{name!r} cannot be a measure's name.", SPELLING
        yield from _measure(path, measure, definition, judges)
    for index, contrast in enumerate(plan.contrasts):
        yield from _contrast(("analysis", "contrasts", index), contrast, definition)


def _primary(
    plan: Analysis, definition: Definition, judges: dict[str, Verdicts]
) -> Iterator[Finding]:
    primary = plan.primary
    path: KeyPath = ("analysis", "primary")
    if isinstance(primary, Primary):
        yield from _judge((*path, "judge"), primary.judge, definition, judges)
        yield from label_findings((*path, "label"), primary.label, primary.judge, judges)
        return
    for name in primary:
        if name not in plan.measures:
            finding = unknown(path, "measure", name, plan.measures)
            if not plan.measures:
                hint = f"primary: {{judge: {name}, label: …}}"
                if name not in judges:
                    hint = (
                        f"measures: {{{name}: {{judge: {next(iter(judges), 'NAME')}, label: …}}}}"
                    )
                finding = (*finding[:2], hint)
            yield finding
    if len({*primary}) < len(primary):
        yield path, "A measure stands twice.", "Leave one out."


def _judge(
    path: KeyPath, name: str, definition: Definition, judges: dict[str, Verdicts]
) -> Iterator[Finding]:
    if name in judges:
        return
    columns = {q.model_judges[name] for q in definition.questions if name in q.model_judges}
    if name == CORRECT_JUDGE:
        yield path, "No question that is drawn has an answer to be compared with.", ANSWER
    elif columns:
        hint = f"It is a column of the questions; its judge is {sorted(columns)[0]!r}."
        yield path, f"Unknown judge or rubric {name!r}.", hint
    else:
        yield unknown(path, "judge or rubric", name, judges)


def _measure(
    path: KeyPath, measure: Measure, definition: Definition, judges: dict[str, Verdicts]
) -> Iterator[Finding]:
    if measure.accuracy:
        yield from _accuracy(path, measure, definition)
        return
    judge = measure.graded_by or ""
    place = (*path, "correct" if measure.correct else "judge")
    known = list(_judge(place, judge, definition, judges))
    yield from known
    if measure.label is not None:
        yield from label_findings((*path, "label"), measure.label, judge, judges)
        if measure.label in measure.exclude:
            why = f"The label {measure.label!r} is counted and left out."
            yield (*path, "exclude"), why, "Take it out of exclude."
    for label in measure.exclude:
        yield from label_findings((*path, "exclude"), label, judge, judges)
    if not known and (measure.mean or measure.bounded):
        yield from number_findings(path, measure, judge, judges[judge], mean=measure.mean)
    for index, given in enumerate(measure.given):
        yield from _given((*path, "given", index), given, definition, judges)
    asked = judges[judge].questions if judge in judges else ()
    if judge in judges and not asked:
        yield place, f"Judge {judge!r} grades no question.", "It needs one of type free_form."
    elif asked:
        what = f"question that {judge!r} grades"
        yield from _questions(path, measure.questions, asked, definition, what)


def _given(
    path: KeyPath, given: Given, definition: Definition, judges: dict[str, Verdicts]
) -> Iterator[Finding]:
    known = list(_judge((*path, "judge"), given.judge, definition, judges))
    yield from known
    labels = (given.label,) if isinstance(given.label, str) else given.label or ()
    for label in labels:
        yield from label_findings((*path, "label"), label, given.judge, judges)
    if not known and given.bounded:
        yield from number_findings(path, given, given.judge, judges[given.judge])


def _accuracy(path: KeyPath, measure: Measure, definition: Definition) -> Iterator[Finding]:
    for key in ("given", "exclude"):
        if getattr(measure, key):
            why = f"accuracy is of probabilities that are read: no sample has a label for {key}."
            yield (*path, key), why, "correct: true, of drawn answers"
    right = [q.name for q in definition.questions if is_read(q) and q.answer is not None]
    if not right:
        drawn = any(is_compared(question) for question in definition.questions)
        hint = "correct: true, of drawn answers" if drawn else "answer: LABEL, in a multiple_choice"
        yield (*path, "accuracy"), "No question that is read says what is right.", hint
        return
    what = "question that is read and has an answer"
    yield from _questions(path, measure.questions, right, definition, what)


def _questions(
    path: KeyPath,
    names: Sequence[str] | None,
    asked: Sequence[str],
    definition: Definition,
    what: str,
) -> Iterator[Finding]:
    every = {question.name for question in definition.questions}
    if names == ():
        yield (*path, "questions"), "The list of questions is empty.", "Leave it out, for all."
    for name in names or ():
        if name not in every:
            yield unknown((*path, "questions"), "question", name, asked)
        elif name not in asked:
            yield (*path, "questions"), f"{name!r} is no {what}.", f"Known: {', '.join(asked)}."


def _contrast(path: KeyPath, contrast: Contrast, definition: Definition) -> Iterator[Finding]:
    arms = [*definition.arms, BASE_ARM]
    for key in ("arm", "control"):
        name = getattr(contrast, key)
        if name is not None and name not in arms:
            yield unknown((*path, key), "arm", name, arms)
    if contrast.arm == contrast.control:
        yield path, "An arm is contrasted with itself.", ""
    spread = spread_variants(definition.sampling)
    known = [full for contexts in spread.values() for full in contexts]
    for key in ("variant", "minus"):
        name = getattr(contrast, key)
        if name is None or name in known:
            continue
        finding = unknown((*path, key), "variant", name, known)
        if name in spread:
            why = f"The variant {name!r} is spread over values."
            finding = ((*path, key), why, f"Name one: {', '.join(spread[name])}.")
        yield finding
    if contrast.variant is None or {contrast.variant, contrast.minus} - {*known}:
        return
    if contrast.variant == contrast.minus:
        yield path, "A variant is contrasted with itself.", ""
    elif not _asked_in_both(contrast, definition):
        why = f"No question is asked in {contrast.variant} and in {contrast.minus}."
        yield path, why, "Take the one that lacks out of the questions' variants, or name it there."


def _asked_in_both(contrast: Contrast, definition: Definition) -> bool:
    for question in definition.questions:
        if is_askable(definition.sampling, question):
            asked = {variant for variant, _ in contexts_of(definition.sampling, question)}
            if {contrast.variant, contrast.minus} <= asked:
                return True
    return False
