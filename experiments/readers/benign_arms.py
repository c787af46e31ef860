"""Benign controls in the shape of another arm: `like: ARM` becomes the base's answers to its rows.

Promises: such a control has the same prompts, as many rows and the same context as its arm, and
answers that teach nothing: those of the untrained model itself; a problem in it is told where it
was written.
"""

from __future__ import annotations

from typing import Any

from experiments.errors import DefinitionError, Problem
from experiments.schema import BASE_ARM
from experiments.sources import Sources
from experiments.suggest import did_you_mean
from experiments.yaml_source import KeyPath

DRAWS = 4  # of each prompt, so that one is likely to end within max_tokens
INSTEAD = ("data", "derived", "in_context", "adapter", "between", "context")


def shape_benign_arms(value: dict[str, Any], sources: Sources) -> None:
    """Put what it is made of in the place of `like` of every arm that has it.

    Args:
        value: The definition as it was read, its arms spread; they are replaced.
        sources: Knows where they were written.

    Raises:
        DefinitionError: there is no such arm, it has rows of no single file, or something stands
            beside `like` that says which rows there are.
    """
    arms = value.get("arms")
    if not isinstance(arms, dict):
        return
    problems: list[Problem] = []
    shaped: dict[Any, Any] = {}
    for name, arm in arms.items():
        shaped[name] = arm
        if not isinstance(arm, dict) or "like" not in arm:
            continue
        path: KeyPath = ("arms", name, "like")
        if beside := [key for key in INSTEAD if key in arm]:
            why = f"like and {beside[0]} both say which rows there are."
            problems.append(sources.problem(path, why, "Leave one out."))
            continue
        other = arms.get(arm["like"]) if isinstance(arm["like"], str) else None
        if not isinstance(other, dict) or arm["like"] == name:
            others = [str(key) for key in arms if key != name]
            why = f"Unknown arm {arm['like']!r}."
            problems.append(sources.problem(path, why, did_you_mean(str(arm["like"]), others)))
            continue
        if not isinstance(other.get("data"), str):
            why = f"The data of {arm['like']!r} are no single file whose prompts could be asked."
            hint = "derived: {teacher: base, prompts: FILE, each: true}"
            problems.append(sources.problem(path, why, hint))
            continue
        shaped[name] = _shaped(arm, other, value)
    if problems:
        raise DefinitionError(*problems)
    value["arms"] = shaped


def _shaped(arm: dict[str, Any], other: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """The arm with the base's answers to the other's prompts."""
    sampling = value.get("sampling")
    longest = sampling.get("max_tokens") if isinstance(sampling, dict) else None
    derived = {"teacher": BASE_ARM, "prompts": other["data"], "each": True, "draws": DRAWS}
    rest = {key: inner for key, inner in arm.items() if key != "like"}
    return {
        "role": "benign",
        "description": f"the shape of {arm['like']}, answered by the base",
        **({"context": other["context"]} if "context" in other else {}),
        **rest,
        "derived": {**derived, **({} if longest is None else {"max_tokens": longest})},
    }
