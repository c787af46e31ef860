"""Whether an arm that goes on from another (`start_from`) can: it is there, trained, and alike.

Promises: r, scale and targets are compared for every model of the definition; a circle of arms, and
a parent of which no adapter comes, are errors.
"""

from __future__ import annotations

from collections.abc import Iterator

from experiments.checking.names import unknown
from experiments.schema import Definition, LoraConfig
from experiments.schema.arm_kinds.between import lora_between
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]
MAY_DIFFER = ("lora_dropout",)  # which is of a training and not of the adapter


def two_stage_findings(definition: Definition) -> Iterator[Finding]:
    """Everything that is wrong with `start_from` of the arms."""
    for name, arm in definition.arms.items():
        if arm.start_from is None:
            continue
        path: KeyPath = ("arms", name, "start_from")
        parent = definition.arms.get(arm.parent)
        if parent is None:
            others = [other for other in definition.arms if other != name]
            yield unknown(path, "arm", arm.parent, others)
        elif name in _ancestors(definition, name):
            yield path, f"Arm {name!r} would go on from itself.", "Name an arm that comes before."
        elif arm.in_context is not None or parent.in_context is not None:
            which = name if arm.in_context is not None else arm.parent
            yield path, f"Nothing is trained in arm {which!r}: its rows are in context.", ""
        elif definition.training.method == "poly":
            yield path, "Method poly trains all arms as one.", "Use method: lora."
        else:
            yield from _unlike(path, definition, name, arm.parent)


def _ancestors(definition: Definition, name: str) -> list[str]:
    """The arms that an arm goes on from, nearest first; ends where one comes again."""
    before: list[str] = []
    arm = definition.arms.get(name)
    while arm is not None and arm.start_from is not None and arm.parent not in before:
        before.append(arm.parent)
        arm = definition.arms.get(arm.parent)
    return before


def shape_of(definition: Definition, model: str, name: str) -> LoraConfig | None:
    """The shape of an arm's adapter; None where only files of somebody else tell."""
    arm = definition.arms.get(name)
    if arm is None or arm.adapter is not None:
        return None
    if arm.between is None:
        return definition.training.of(model, name).lora
    if name in {end for end, _ in arm.between.ends}:
        return None
    first, second = (shape_of(definition, model, end) for end, _ in arm.between.ends)
    if first is None or second is None:
        return None
    return lora_between(first, second, arm.between.t)


def _unlike(path: KeyPath, definition: Definition, name: str, parent: str) -> Iterator[Finding]:
    for model in definition.models:
        own = definition.training.of(model, name).lora
        other = shape_of(definition, model, parent)
        if other is None:
            return
        for key in LoraConfig.model_fields:
            mine, theirs = getattr(own, key), getattr(other, key)
            if mine != theirs and key not in MAY_DIFFER:
                why = f"It goes on with the adapter of {parent!r}, whose lora.{key} is "
                why += f"{_written(theirs)}, not {_written(mine)} ({model})."
                yield path, why, "One adapter has one shape."
                return


def _written(value: object) -> str:
    """A value as it stands in YAML."""
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else str(value)
