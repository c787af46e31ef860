"""Whose verdicts a measure is made of: one grader, and of a model judge one hash, for all arms.

Promises: verdicts of two versions of a judge are never mixed; of several versions the newest counts
that has judged every arm; what is chosen, and what else there is, can be said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments.schema import CORRECT, Definition, Given, Measure, Threshold
from store.measured import Asked, Condition, Judged, Verdicts

REPEAT = " (repeat "
REPEATED = (" (wording ", REPEAT)  # further verdicts of one judge: its agreement with itself


@dataclass(frozen=True, slots=True)
class ChosenJudge:
    """A judge of a measure, and whose verdicts count for it.

    Attributes:
        versions: What there is of this judge, the chosen one included: (grader, hash).
        every: Whether the chosen one has judged some of every arm.
        is_model: Whether it is a judge that is a model.
    """

    verdicts: Verdicts
    versions: tuple[tuple[str, str], ...] = ()
    every: bool = True
    is_model: bool = False


def judges_of(measures: Iterable[Measure]) -> list[str]:
    """The judges that measures ask, each once."""
    named: list[str] = []
    for measure in measures:
        named += [measure.graded_by] if measure.graded_by else []
        named += [item.judge for item in measure.given]
    return list(dict.fromkeys(named))


def model_judges_of(definition: Definition | None) -> dict[str, tuple[float, float]]:
    """The judges that are models, with the range of what they rate."""
    if definition is None:
        return {}
    return {judge.name: judge.range for judge in definition.model_judges}


def choose(
    names: Sequence[str],
    models: Iterable[str],
    judged: Sequence[Judged],
    grader: str | None = None,
) -> dict[str, ChosenJudge]:
    """Say whose verdicts count, for each judge.

    Args:
        names: Judges that measures ask; the first is the one that `grader` is about.
        models: Which judges are models.
        judged: What there is of them.
        grader: Whose verdicts are asked for by name.
    """
    models = set(models)
    arms = frozenset(arm for item in judged for arm in item.arms)
    chosen = {}
    for place, name in enumerate(names):
        asked_for = grader if place == 0 else None
        own = [item for item in judged if item.judge == name]
        if asked_for is None:
            own = [item for item in own if _is_of_a_model(item)]
            if not own or (name not in models and _by_rule(name, judged)):
                # A rule, or nothing yet; of a model what it will be called isn't known.
                word = "model" if name in models else "rule"
                chosen[name] = ChosenJudge(
                    Verdicts(name, f"{word}:{name}"), (), True, name in models
                )
                continue
        else:
            own = [item for item in own if item.grader == asked_for]
            if not asked_for.startswith("model:") or not own:
                chosen[name] = ChosenJudge(Verdicts(name, asked_for))
                continue
        best = max(own, key=lambda item: (len(item.arms), item.newest))
        same = {item.rubric for item in own if item.grader == best.grader}
        rubric = best.rubric if len(same) > 1 else None
        versions = tuple((item.grader, item.rubric) for item in own)
        complete = best.arms >= arms
        chosen[name] = ChosenJudge(Verdicts(name, best.grader, rubric), versions, complete, True)
    return chosen


def _is_of_a_model(item: Judged) -> bool:
    return item.grader.startswith("model:") and not any(mark in item.grader for mark in REPEATED)


def _by_rule(name: str, judged: Iterable[Judged]) -> bool:
    return any(item.judge == name and item.grader == f"rule:{name}" for item in judged)


def asked_of(
    measure: Measure,
    chosen: dict[str, ChosenJudge],
    unclear: str,
    graded: tuple[str, ...] | None = None,
    unanswered: tuple[tuple[str, str], ...] = (),
) -> Asked:
    """What a measure of grades asks, of these verdicts.

    Args:
        measure: What is computed.
        chosen: Whose verdicts count.
        unclear: The label that is counted as unclear.
        graded: The questions that the judge grades; what it isn't asked about lacks no verdict.
        unanswered: Questions in variants for which no answer is expected.
    """
    judge = measure.graded_by
    if judge is None:
        raise ValueError("probabilities that are read are no grades")
    label = CORRECT if measure.correct else measure.label
    labels = () if label is None else (label,)
    return Asked(
        hit=Condition(chosen[judge].verdicts, labels, _bounds(measure)),
        given=tuple(_condition(item, chosen) for item in measure.given),
        exclude=measure.exclude,
        unclear=unclear,
        questions=graded if measure.questions is None else measure.questions,
        unanswered=unanswered if measure.correct else (),
    )


def _condition(given: Given, chosen: dict[str, ChosenJudge]) -> Condition:
    labels = (given.label,) if isinstance(given.label, str) else given.label or ()
    return Condition(chosen[given.judge].verdicts, labels, _bounds(given))


def _bounds(limits: Threshold) -> tuple[tuple[str, float], ...]:
    words = ("below", "above", "at_least", "at_most")
    return tuple((word, value) for word in words if (value := getattr(limits, word)) is not None)
