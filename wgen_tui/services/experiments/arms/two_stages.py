"""Arms that go on from another: which come along, in which order, and with which checkpoint.

Promises: a parent comes before its children, whoever was asked for; a step that the parent does not
keep is named with those that it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from experiments.schema import Arm, Definition
from wgen_tui.errors import UsageError
from wgen_tui.protocol.arms import Parent
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.steps import total_steps
from wgen_tui.services.experiments.arms.arm_steps import CONTINUES, not_kept


def needed_by(arm: Arm) -> list[str]:
    """The arms that are trained before an arm, whatever it takes of them."""
    return [name for names in arm.needs.values() for name in names]


def with_parents(definition: Definition, names: Iterable[str]) -> dict[str, Arm]:
    """The arms of these names and all that they go on or learn from, in the definition's order."""
    wanted = set(names)
    todo = list(wanted)
    while todo:
        arm = definition.arms.get(todo.pop())
        for before in () if arm is None else needed_by(arm):
            if before not in wanted:
                wanted.add(before)
                todo.append(before)
    return {name: arm for name, arm in definition.arms.items() if name in wanted}


def parents_first(arms: Mapping[str, Arm]) -> list[str]:
    """The names, each after the arms that it goes on or learns from; else in their order."""
    ordered: dict[str, None] = {}

    def add(name: str) -> None:
        if name in ordered or name not in arms:
            return
        for before in needed_by(arms[name]):
            add(before)
        ordered[name] = None

    for name in arms:
        add(name)
    return list(ordered)


def parent_of(
    name: str,
    before: RunSpec,
    step: int | None,
    does: tuple[str, str] = CONTINUES,
) -> Parent:
    """The checkpoint of another run that a run of an arm begins with or is made of.

    Args:
        name: The arm's.
        before: The parent's run, of the same model and seed.
        step: Which step; None: the last.
        does: What the arm does with it, and which of its keys says so.

    Raises:
        UsageError: the parent keeps no checkpoint of the step.
    """
    counted = before.training is not None and before.training.max_steps is not None
    if (before.derived or before.upsample) and not counted:
        pass  # how many rows there will be, and so which steps, is not known yet
    elif before.training is not None and step is not None:
        last = total_steps(before.training, before.data_rows)
        kept = before.training.checkpoints.steps(last)
        if step not in kept:
            why, hint = not_kept(name, does, before.arm, step, kept)
            raise UsageError(why, title="No such checkpoint", hint=hint)
        step = None if step == last else step
    return Parent(run_id=before.run_id, arm=before.arm, step=step)
