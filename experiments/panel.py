"""Which questions each judge that is a model grades.

Promises: a judge that some question names grades those questions; one that no question names grades
every question that is answered. The order is the definition's.
"""

from __future__ import annotations

from experiments.schema import Definition, Question


def judged_questions(definition: Definition) -> dict[str, tuple[str, ...]]:
    """The questions of each model judge, by the judge's name; questions that are read have none."""
    answered = [question for question in definition.questions if question.type == "free_form"]
    result = {}
    for judge in definition.model_judges:
        named = [question.name for question in answered if judge.name in named_by(question)]
        result[judge.name] = tuple(named or (question.name for question in answered))
    return result


def named_by(question: Question) -> tuple[str, ...]:
    """The judges that a question names itself: by rule, and models (in llmcomp's columns too)."""
    return tuple(dict.fromkeys([*(question.judges or ()), *question.model_judges.values()]))
