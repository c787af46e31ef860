"""What is particular to some of the runs that are planned, in words for a plan.

Promises: a line for each way in which arms differ from what the definition says for all, whatever
made them differ; arms that are alike are named together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from experiments.schema import Definition, Model
from wgen_tui.protocol.runs import RunSpec


def arm_notes(definition: Definition, specs: Iterable[RunSpec]) -> list[str]:
    """What a plan says of runs that are not simply an arm's rows by the definition's training."""
    common = definition.training.of("", "")
    said: dict[str, dict[str, None]] = defaultdict(dict)
    trained = [(spec, spec.training) for spec in specs if spec.training is not None]
    several = len({spec.model.name for spec, _ in trained}) > 1
    for spec, training in trained:
        of = f" of {spec.model.name}" if several else ""
        if differs := ", ".join(_differences(training, common)):
            said[f"training.for: {differs}"][f"{spec.arm}{of}"] = None
    return [f"{_arms(arms)}: {what}" for what, arms in said.items()]


def _arms(arms: Iterable[str]) -> str:
    names = list(arms)
    return f"{'arm' if len(names) == 1 else 'arms'} {', '.join(names)}"


def _differences(one: Model, other: Model, before: str = "") -> Iterator[str]:
    """The keys whose values differ, as `lora.r 16`."""
    for name in type(one).model_fields:
        value, common = getattr(one, name), getattr(other, name)
        if value == common or value is None:
            continue
        if isinstance(value, Model) and type(value) is type(common) and name in ("lora", "poly"):
            yield from _differences(value, common, f"{name}.")
            continue
        told = (
            value.model_dump(mode="json", exclude_defaults=True)
            if isinstance(value, Model)
            else value
        )
        yield f"{before}{name} {told}"
