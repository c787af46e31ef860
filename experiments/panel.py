"""The judges of a definition: which questions each grades, and what it may say.

Promises: a judge that is a model and that some question names grades those questions; one that no
question names grades every question that is answered, unless it only keeps rows of an arm. The
order is the definition's.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.answers import is_compared
from experiments.schema import (
    BROKEN_JUDGE,
    CORRECT,
    CORRECT_JUDGE,
    WRONG,
    Definition,
    JudgeSpec,
    ModelJudge,
    Primary,
    Question,
    Rubric,
)


def judged_questions(definition: Definition) -> dict[str, tuple[str, ...]]:
    """The questions of each model judge, by the judge's name; questions that are read have none."""
    answered = [question for question in definition.questions if question.type == "free_form"]
    every = [question.name for question in answered]
    aside = keepers(definition) - _measured(definition)
    result = {}
    for judge in definition.model_judges:
        named = [question.name for question in answered if judge.name in named_by(question)]
        result[judge.name] = tuple(named or ([] if judge.name in aside else every))
    return result


def keepers(definition: Definition) -> set[str]:
    """The judges by which rows that a model makes are kept."""
    made = (arm.derived for arm in definition.arms.values() if arm.derived is not None)
    return {derived.keep.judge for derived in made if derived.keep and derived.keep.judge}


def _measured(definition: Definition) -> set[str]:
    """The judges of whose grades something is computed."""
    plan = definition.analysis
    if plan is None:
        return set()
    names = {plan.primary.judge} if isinstance(plan.primary, Primary) else set()
    for measure in plan.measures.values():
        names |= {measure.judge or "", *(given.judge for given in measure.given)}
    return names


def named_by(question: Question) -> tuple[str, ...]:
    """The judges that a question names itself: by rule, and models (in llmcomp's columns too)."""
    return tuple(dict.fromkeys([*(question.judges or ()), *question.model_judges.values()]))


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a judge may say.

    Attributes:
        labels: Its labels; None where any text may be one.
        numbers: Whether it gives numbers.
        lowest: The lowest of them, where that is known.
        highest: The highest of them.
        questions: The questions that it grades.
    """

    labels: tuple[str, ...] | None
    numbers: bool = False
    lowest: float | None = None
    highest: float | None = None
    questions: tuple[str, ...] = ()


def verdicts_of(definition: Definition) -> dict[str, Verdicts]:
    """What every judge and rubric may say, by name: rules, models, people, and our own rules."""
    answered = tuple(q.name for q in definition.questions if q.type == "free_form")
    by_model = judged_questions(definition)
    verdicts = {rubric.name: _of_rubric(rubric, answered) for rubric in definition.rubrics}
    for rule in definition.judges:
        graded = tuple(
            question.name
            for question in definition.questions
            if question.name in answered
            and (question.judges is None or rule.name in question.judges)
        )
        verdicts[rule.name] = Verdicts(rule_labels(rule), gives_numbers(rule), questions=graded)
    for judge in definition.model_judges:
        verdicts[judge.name] = _of_model(judge, by_model[judge.name])
    if compared := tuple(q.name for q in definition.questions if is_compared(q)):
        verdicts[CORRECT_JUDGE] = Verdicts((CORRECT, WRONG), questions=compared)
    verdicts[BROKEN_JUDGE] = Verdicts((BROKEN_JUDGE, "ok"), questions=answered)
    return verdicts


def rule_labels(rule: JudgeSpec) -> tuple[str, ...]:
    """The labels of a judge by rule, `otherwise` the last."""
    by_topic = (label for topic in rule.by_topic.values() for label in topic)
    return tuple(dict.fromkeys([*rule.labels, *by_topic, rule.otherwise]))


def gives_numbers(rule: JudgeSpec) -> bool:
    """Whether a judge by rule gives numbers."""
    return rule.type == "json_field" and not rule.labels


def _of_rubric(rubric: Rubric, answered: tuple[str, ...]) -> Verdicts:
    labels = tuple(rubric.labels)
    if rubric.scale is None:
        return Verdicts(labels, questions=answered)
    low, high = rubric.scale
    return Verdicts(labels, True, low, high, answered)


def _of_model(judge: ModelJudge, questions: tuple[str, ...]) -> Verdicts:
    if judge.type == "rating_judge":
        low, high = judge.range
        words = tuple(dict.fromkeys(judge.word_labels.values()))
        return Verdicts(words, True, low, high, questions)
    numbers = judge.verdict == "json_field" and not judge.labels
    return Verdicts(tuple(judge.labels) or None, numbers, questions=questions)
