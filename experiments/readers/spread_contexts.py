"""Contexts that are written once for a definition: `contexts:` spreads its arms, or its variants.

Promises: who reads a definition sees plain arms, variants and contrasts; what is added stands
behind what was there, which stays as it was; a problem in what is added is told at `contexts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from experiments.errors import DefinitionError, Problem
from experiments.prompts import NO_VARIANT
from experiments.schema.contexts import SYSTEM, placed
from experiments.schema.sweeps.contexts import ContextSweep, name_in_context
from experiments.sources import Sources
from experiments.suggest import did_you_mean
from experiments.yaml_source import KeyPath

SECTION: KeyPath = ("contexts",)
Entry = dict[str, Any]


def spread_contexts(value: Entry, sources: Sources) -> None:
    """Add what `contexts` stands for; a section of another shape is left to the schema.

    Args:
        value: The definition as it was read; its arms or variants, and its contrasts, are replaced.
        sources: Learns where what is added was written.

    Raises:
        DefinitionError: it names an arm that there is not, or adds a name that there is.
    """
    try:
        sweep = ContextSweep.model_validate(value.get("contexts"))
    except ValidationError:
        return
    arms = value.get("arms")
    if not isinstance(arms, dict):
        return
    if problems := [*_unknown(sweep, arms, sources)]:
        raise DefinitionError(*problems)
    chosen = sweep.arms or tuple(
        name
        for name, arm in arms.items()
        if not isinstance(arm, dict)
        or (
            arm.get("role", "treatment") == "treatment"
            # What is not trained here has the context that it has.
            and (sweep.where == "evaluation" or not {"adapter", "between"} & {*arm})
        )
    )
    if sweep.where == "training":
        contrasts = _arms(value, sweep, chosen, sources)
    else:
        contrasts = _variants(value, sweep, chosen, sources)
    _contrast(value, contrasts, sources)


def _unknown(sweep: ContextSweep, arms: Entry, sources: Sources) -> Iterator[Problem]:
    for name in sweep.arms or ():
        if name not in arms:
            hint = did_you_mean(name, list(arms))
            yield sources.problem((*SECTION, "arms"), f"There is no arm {name!r}.", hint)


def _arms(
    value: Entry, sweep: ContextSweep, chosen: tuple[str, ...], sources: Sources
) -> list[Entry]:
    """Put the chosen arms in every context beside themselves; what is to be contrasted."""
    arms, contrasts = dict(value["arms"]), []
    for name in chosen:
        arm = arms[name]
        if not isinstance(arm, dict):
            continue
        if arm.get("context"):
            why = f"The arm {name!r} has a context of its own."
            hint = "Leave it out of contexts.arms, or take its context away."
            raise DefinitionError(sources.problem(("arms", name, "context"), why, hint))
        for mode, label, text in sweep.each():
            full = name_in_context(name, mode, label)
            _refuse_taken(full, arms, "an arm", sources)
            what = arm.get("description") or name
            said = {"context": placed(text, mode), "description": f"{what}; {label}, {mode}"}
            arms[full] = {**arm, **said}
            sources.elsewhere["arms", full] = (sources.main, SECTION)
            contrasts.append({"arm": full, "control": name})
    value["arms"] = arms
    return contrasts


def _variants(
    value: Entry, sweep: ContextSweep, chosen: tuple[str, ...], sources: Sources
) -> list[Entry]:
    """Put every variant in every context beside itself; what is to be contrasted."""
    sampling = value.get("sampling") or {}
    there = sampling.get("variants") or {NO_VARIANT: None}
    if not isinstance(sampling, dict) or not isinstance(there, dict):
        return []
    variants, contrasts = dict(there), []
    planned = _in_contrasts(value)
    made: dict[str, list[str]] = {}
    for name, variant in there.items():
        labels = _labels(variant)
        for mode, label, text in sweep.each():
            full = name_in_context("" if variant is None else name, mode, label)
            _refuse_taken(full, variants, "a variant", sources)
            variants[full] = _composed(variant or {}, mode, text)
            sources.elsewhere["sampling", "variants", full] = (sources.main, SECTION)
            for end in labels:
                made.setdefault(f"{name}{end}", []).append(f"{full}{end}")
                pair = {"variant": f"{full}{end}", "minus": f"{name}{end}"}
                if not end or f"{name}{end}" in planned:
                    contrasts += [{"arm": arm, **pair} for arm in chosen]
            if labels != [""]:
                made.setdefault(name, []).append(full)
    value["sampling"] = {**sampling, "variants": variants}
    if isinstance(value.get("questions"), list):
        value["questions"] = [_asked_in(question, made) for question in value["questions"]]
    return contrasts


def _in_contrasts(value: Entry) -> set[str]:
    """The variants that the plan contrasts; of values, the others get no contrast of contexts."""
    plan = value.get("analysis")
    given = plan.get("contrasts") if isinstance(plan, dict) else None
    listed = [item for item in given or () if isinstance(item, dict)]
    return {str(item.get(key)) for item in listed for key in ("variant", "minus")}


def _labels(variant: Any) -> list[str]:
    """What stands behind a variant's name for each of its values."""
    values = variant.get("values") if isinstance(variant, dict) else None
    return [f"-{label}" for label in values] if values else [""]


def _composed(variant: Any, mode: str, text: str) -> Any:
    """A variant in a context: the text before its prefix, or before its system prompt."""
    if not isinstance(variant, dict):
        return variant
    said = placed(text, mode)
    if mode == SYSTEM:
        own = variant.get("system")
        return {**variant, "system": f"{text}\n\n{own}" if own else text}
    return {**variant, "prefix": said["prefix"] + str(variant.get("prefix") or "")}


def _asked_in(question: Any, made: dict[str, list[str]]) -> Any:
    """A question that names variants, in their contexts too; what is right there is the same."""
    if not isinstance(question, dict):
        return question
    more: Entry = {}
    named, answer = question.get("variants"), question.get("answer")
    if isinstance(named, list):
        more["variants"] = [*named, *(new for name in named for new in made.get(name, ()))]
    if isinstance(answer, dict):
        added = {new: text for name, text in answer.items() for new in made.get(name, ())}
        more["answer"] = {**answer, **added}
    return {**question, **more}


def _refuse_taken(name: str, there: Entry, what: str, sources: Sources) -> None:
    if name in there:
        why = f"There is {what} {name!r} already."
        raise DefinitionError(sources.problem(SECTION, why, "Rename a context."))


def _contrast(value: Entry, contrasts: list[Entry], sources: Sources) -> None:
    """Put the contrasts behind those of the plan, where there is one."""
    plan = value.get("analysis")
    if not isinstance(plan, dict):
        return
    given = plan.get("contrasts") or []
    if isinstance(given, list):
        for index in range(len(given), len(given) + len(contrasts)):
            sources.elsewhere["analysis", "contrasts", index] = (sources.main, SECTION)
        value["analysis"] = {**plan, "contrasts": [*given, *contrasts]}
