"""Whether an arm between two others (`between`) can be: both there, trained, sums of products.

Promises: what would have no effect on such an arm is an error; a circle of arms, whatever keys make
it, is one too.
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.checking.foreign import OF_TRAINING
from experiments.checking.names import unknown
from experiments.schema import BASE_ARM, Definition, TrainingContext
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]


def between_findings(definition: Definition) -> Iterator[Finding]:
    """Everything that is wrong with `between` of the arms."""
    for name, arm in definition.arms.items():
        if arm.between is None:
            continue
        path: KeyPath = ("arms", name)
        if arm.files or arm.adapter is not None:
            key = "data" if arm.files else "adapter"
            why = f"{key} and between both say what the adapter comes from."
            yield (*path, key), why, "Leave one out."
        for key in OF_TRAINING:
            if getattr(arm, key) is not None:
                yield (*path, key), "What is between two arms is not trained.", "Leave it out."
        if arm.context != TrainingContext():
            why = "What is between two arms is not trained."
            yield (*path, "context"), why, "sampling.variants"
        if definition.training.method == "poly":
            why = "Method poly trains one adapter for all arms."
            yield (*path, "between"), why, "Use method: lora."
            continue
        for end, _ in arm.between.ends:
            yield from _end(definition, name, end)


def _end(definition: Definition, name: str, end: str) -> Iterator[Finding]:
    """What is wrong with one of the two arms."""
    path: KeyPath = ("arms", name, "between", "arms")
    if end == BASE_ARM:
        why = "The base has no adapter; between it and an arm is that arm with less weight."
        yield path, why, "sampling: {variants: {half: {alpha: 0.5}}}"
    elif end not in definition.arms:
        others = [other for other in definition.arms if other != name]
        yield unknown(path, "arm", end, others)
    elif definition.arms[end].in_context is not None:
        yield path, f"Nothing is trained in arm {end!r}: its rows are in context.", ""
    else:
        for model in definition.models:
            if plain := definition.training.of(model, end).not_stackable_because:
                say = f"The adapter of {end!r} has no middle with another: {plain} ({model})."
                yield path, say, "Train it with plain LoRA."
                return


def circle_findings(definition: Definition) -> Iterator[Finding]:
    """Arms that would have to be trained before themselves, by more than one key.

    A circle of one key is told where that key is looked at, but for `between`.
    """
    for name in definition.arms:
        way = _way_back(definition, name)
        keys = {key for _, key in way}
        if not way or (len(keys) == 1 and keys != {"between"}):
            continue
        if name == min(arm for arm, _ in way):  # once for each circle
            told = " → ".join((*(arm for arm, _ in way), name))
            why = f"Arm {name!r} would have to be trained before itself: {told}."
            yield ("arms", name, way[0][1]), why, "Name an arm that comes before."


def _way_back(definition: Definition, name: str) -> list[tuple[str, str]]:
    """The arms from one back to itself, each with the key that leads on; empty where none does."""
    ways: list[list[tuple[str, str]]] = [[]]
    heads, seen = [name], set[str]()
    while heads:
        arm, way = heads.pop(), ways.pop()
        there = definition.arms.get(arm)
        for key, others in {} if there is None else there.needs.items():
            for other in others:
                if other == name:
                    return [*way, (arm, key)]
                if other not in seen:
                    seen.add(other)
                    heads.append(other)
                    ways.append([*way, (arm, key)])
    return []
