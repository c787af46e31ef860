"""Arms with rows that a model makes: who the teacher may be, and what keeps an answer.

Promises: no arm is its own teacher, directly or by way of others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from experiments.checking.names import unknown
from experiments.checking.verdicts import label_findings, number_findings
from experiments.panel import verdicts_of
from experiments.readers.judge_prompts import slots_of
from experiments.schema import BASE_ARM, Arm, Definition, Derived, ModelJudge
from experiments.text_files import inside, missing
from experiments.yaml_source import KeyPath

Finding = tuple[tuple[str | int, ...], str, str]
OF_QUESTIONS = ("reference", "variant")  # slots of a judge that only questions fill


def derived_findings(definition: Definition, folder: Path) -> Iterator[Finding]:
    """Every finding: path, message, hint."""
    for name, arm in definition.arms.items():
        path = ("arms", name, "derived")
        if arm.derived is None:
            continue
        yield from _training(definition, path)
        yield from _teacher(definition, name, arm.derived)
        yield from _keep(definition, path, arm.derived)
        if arm.context.share is not None:
            why = "Rows that a model makes have the arm's context all or not at all."
            yield ("arms", name, "context", "share"), why, "Leave out share."
        if arm.hold is not None:
            why = "How many rows there will be is not known when the steps are counted."
            yield ("arms", name, "hold"), why, "Leave out hold; give training.max_steps."
        file = inside(folder, arm.derived.prompts)
        if file is None or (why := missing(file)):
            why = "They lie outside the definition's folder" if file is None else why
            hint = 'Write rows such as {"prompt": "…"} there.'
            yield (*path, "prompts"), f"The prompts cannot be read. {why}.", hint


def _training(definition: Definition, path: tuple[str, ...]) -> Iterator[Finding]:
    if definition.training.method == "poly":
        yield path, "A Poly adapter is trained on rows that are there.", "training: {method: lora}"
    if definition.accelerate.num_processes > 1:
        why = "Rows are made by one process."
        yield path, why, "accelerate: {num_processes: 1}"


def _teacher(definition: Definition, name: str, derived: Derived) -> Iterator[Finding]:
    path, teacher = ("arms", name, "derived", "teacher"), derived.teacher
    if teacher == BASE_ARM:
        return
    name_of, at, _ = teacher.partition("@")
    if at and name_of in definition.arms:
        why = f"The teacher is {name_of!r} as its training ends, and no step of it."
        yield path, why, f"teacher: {name_of}, or an arm that trains as long as that step."
    elif teacher not in definition.arms:
        yield unknown(path, "arm", teacher, [*definition.arms, BASE_ARM])
    elif definition.arms[teacher].in_context is not None:
        why = f"{teacher!r} trains no adapter that could be the teacher."
        yield path, why, "Name an arm that is trained, or base."
    elif name in _ancestors(definition.arms, teacher):
        yield path, f"{name!r} would be its own teacher.", "Let the first of them learn from data."


def _ancestors(arms: dict[str, Arm], name: str) -> set[str]:
    """An arm, its teacher, the teacher's teacher and so on."""
    seen: set[str] = set()
    while name in arms and name not in seen:
        seen.add(name)
        derived = arms[name].derived
        name = "" if derived is None else derived.teacher
    return seen


def _keep(
    definition: Definition, path: tuple[str, ...], derived: Derived
) -> Iterator[tuple[KeyPath, str, str]]:
    keep = derived.keep
    if keep is None or keep.judge is None:
        return
    models = {judge.name: judge for judge in definition.model_judges}
    names = [*(judge.name for judge in definition.judges), *models]
    if keep.judge not in names:
        yield unknown((*path, "keep", "judge"), "judge", keep.judge, names)
        return
    judges = verdicts_of(definition)
    if keep.label is not None:
        yield from label_findings((*path, "keep", "label"), keep.label, keep.judge, judges)
    if keep.bounded:
        yield from number_findings((*path, "keep"), keep, keep.judge, judges[keep.judge])
    if keep.judge in models:
        yield from _unfilled((*path, "keep", "judge"), models[keep.judge])


def _unfilled(path: KeyPath, judge: ModelJudge) -> Iterator[tuple[KeyPath, str, str]]:
    """Slots of a judge's prompt that an answer to be kept has nothing for."""
    used = slots_of(judge.prompt) | slots_of(judge.system or "")
    for slot in sorted(used & {*OF_QUESTIONS}):
        why = (
            f"The prompt of judge {judge.name!r} has {{{slot}}}, which the answers of a model that "
            "become rows do not have."
        )
        yield path, why, "Name a judge whose prompt has {question}, {prompt} and {answer} alone."
