"""Whether rows of an arm can stand twice (`upsample`): they are there before it is trained.

Promises: what a worker would refuse of it, and a class that no rows have, are told here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from experiments.schema import Definition
from experiments.schema.arm_kinds.upsample import FIRST, Upsample
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]
SHOWN = 5  # classes that are named


def upsample_findings(definition: Definition) -> Iterator[Finding]:
    """Everything that is wrong with `upsample` of the arms."""
    for name, arm in definition.arms.items():
        path: KeyPath = ("arms", name, "upsample")
        if arm.upsample is None or not arm.has_rows:
            continue
        if arm.in_context is not None:
            yield path, "Nothing is trained with rows in context.", "Leave it out."
        if arm.derived is not None:
            why = "The rows that a model makes are not there when the first training begins."
            yield path, why, "Copy a finished run's data.jsonl into data, and give data: that file."
        if arm.hold is not None:
            why = "How many rows there will be is not known when the steps are counted."
            yield ("arms", name, "hold"), why, "Leave out hold; give training.max_steps."
        if definition.training.method == "poly":
            yield path, "Method poly trains all arms as one.", "training: {method: lora}"
        if definition.accelerate.num_processes > 1:
            yield path, "Rows are told apart by one process.", "accelerate: {num_processes: 1}"
        if arm.upsample.class_ is not None and not isinstance(arm.data, str):
            why = "A class is a field of the rows of one file, and data has what is taken of files."
            yield (*path, "class"), why, "data: FILE"
        if f"{name}-{FIRST}" in definition.arms:
            why = f"Its first training would be named {name}-{FIRST}, as an arm is."
            yield ("arms", f"{name}-{FIRST}"), why, "Rename that arm."


def lone_classes(told: Upsample, classes: Sequence[str]) -> list[str]:
    """Classes of one row, which cannot be parted, as a note; none where there are none."""
    alone = [name for name, count in Counter(classes).items() if count == 1]
    if not alone:
        return []
    shown = ", ".join(alone[:SHOWN]) + (", …" if len(alone) > SHOWN else "")
    have = "class has" if len(alone) == 1 else "classes have"
    return [f"upsample: {len(alone):,} {have} one row, which stands once ({told.class_}: {shown})"]
