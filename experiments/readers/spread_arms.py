"""Arms that are written once and stand for several: `values:` spreads one over what differs.

Promises: `{value}` in an arm's dataset, context and description is filled before the arm is
checked, so all that reads a definition sees plain arms; a problem in one of them is told where the
arm was written; a slot that nothing fills, and values that make no difference, are errors.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from experiments.errors import DefinitionError, Problem
from experiments.sources import Sources
from experiments.suggest import nearest
from experiments.yaml_source import KeyPath

SLOT = re.compile(r"(?<!\{)\{([A-Za-z_]\w*)\}(?!\})")
NEAR = 0.7
LISTS = (("in_context", "rows"), ("between", "t"))  # of which a list is values too
PEOPLES = ("description",)  # what no program reads
EXAMPLES = {"rows": "[1, 4, 16]", "t": "[0, 0.5, 1]"}
EXAMPLE = "values: [1850, 1875, 1900], or labels for them: values: {early: 1850}"


def spread_arms(value: dict[str, Any], sources: Sources) -> None:
    """Put an arm for each of its values in the place of every arm that has some.

    Args:
        value: The definition as it was read; its arms are replaced.
        sources: Learns where the arms that come of one were written.

    Raises:
        DefinitionError: `values` is no list or mapping of texts and numbers, an arm does not use
            them, a slot has nothing to stand for, or two arms get one name.
    """
    arms = value.get("arms")
    if not isinstance(arms, dict):
        return
    spread: dict[Any, Any] = {}
    problems: list[Problem] = []
    for name, arm in arms.items():
        path: KeyPath = ("arms", name)
        if not isinstance(arm, dict):
            spread[name] = arm
            continue
        here: KeyPath = (*path, "values")
        for key, number in LISTS:
            if (spread_over := _over_list(arm, key, number)) is not None:
                arm, here = spread_over, (*path, key, number)
        wrong = _unfilled(path, arm, sources)
        problems += wrong
        if arm.get("values") is None:
            spread[name] = arm
            continue
        labelled = _labelled(arm["values"])
        if not labelled:
            problems.append(sources.problem(here, *_not_values(arm["values"], here)))
            continue
        rest = {key: inner for key, inner in arm.items() if key != "values"}
        if not wrong and not any("{value}" in text for text in _texts(rest)):
            why = "The arms of these values would be the same: none of its texts has {value}."
            hint = "context: {prefix: 'Year {value}. '}, or data: data/{value}.jsonl"
            problems.append(sources.problem((*path, "values"), why, hint))
        for label, one in labelled.items():
            full = f"{name}-{label}"
            if full in arms or full in spread:
                why = f"There is an arm {full!r} already."
                problems.append(sources.problem((*path, "values"), why, "Rename one of them."))
            spread[full] = _filled(rest, one)
            sources.elsewhere[("arms", full)] = (sources.main, path)
    if problems:
        raise DefinitionError(*problems)
    value["arms"] = spread


def _over_list(arm: dict[str, Any], key: str, number: str) -> dict[str, Any] | None:
    """An arm with a list where a number stands, as one that is spread over it; None: with none."""
    told = arm.get(key)
    several = told.get(number) if isinstance(told, dict) else None
    if not isinstance(several, list) or arm.get("values") is not None:
        return None
    return {**arm, key: {**(told or {}), number: "{value}"}, "values": several}


def _not_values(values: Any, here: KeyPath) -> tuple[str, str]:
    """Why an arm cannot be spread over what stands there, and what to write."""
    example = EXAMPLE if here[-1] == "values" else f"{here[-1]}: {EXAMPLES[str(here[-1])]}"
    listed = list(map(str, values)) if isinstance(values, list) else []
    if twice := [text for text, count in Counter(listed).items() if count > 1]:
        return f"{twice[0]} stands twice.", "Leave one out: each value is an arm."
    if values in ([], {}):
        return "There is no value, so there is no arm.", example
    return "The values of an arm are a list of texts or numbers.", example


def _labelled(values: Any) -> dict[str, str]:
    """What fills `{value}`, by label; empty where it is no list or mapping of scalars."""
    pairs = list(values.items()) if isinstance(values, dict) else None
    if isinstance(values, list):
        pairs = [(value, value) for value in values]
    scalar = (str, int, float)
    if pairs is None or not all(
        isinstance(item, scalar) and not isinstance(item, bool) for pair in pairs for item in pair
    ):
        return {}
    labelled = {str(label): str(value) for label, value in pairs}
    return labelled if len(labelled) == len(pairs) else {}


def _filled(value: Any, text: str) -> Any:
    """The same with `{value}` filled in every text."""
    if isinstance(value, str):
        return value.replace("{value}", text)
    if isinstance(value, dict):
        return {key: _filled(inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, text) for inner in value]
    return value


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in _texts(item)]


def _placed(path: KeyPath, value: Any) -> Iterator[tuple[KeyPath, str]]:
    """Every text of a value, with where it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _placed((*path, key), inner)


def _unfilled(path: KeyPath, arm: dict[str, Any], sources: Sources) -> list[Problem]:
    """Slots that nothing fills, in what an arm says; other words in braces are text."""
    texts = {
        place: text
        for key, inner in arm.items()
        if key not in PEOPLES
        for place, text in _placed((*path, key), inner)
    }
    known = ["question"] + (["value"] if arm.get("values") is not None else [])
    problems = []
    for place, text in texts.items():
        for word in dict.fromkeys(SLOT.findall(text)):
            if word in known:
                continue
            why, hint = f"Unknown slot {{{word}}}.", ""
            if word == "value":
                why = "{value} has nothing to stand for: the arm has no values."
                hint = "values: [1850, 1984]"
            elif near := nearest(word, ["value", "question"], NEAR):
                hint = f"Did you mean {{{near}}}?"
            else:
                continue
            problems.append(sources.problem(place, why, hint))
    return problems
