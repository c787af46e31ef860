"""How many steps an arm trains and which of them it keeps, so that a step is named in time.

Promises: counted as the runs will be, by the plan's own code; where it is not known before rows are
made, nothing is said.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from experiments.schema import Arm, Definition, TrainingConfig
from experiments.yaml_source import KeyPath
from wgen_tui.run_files.steps import total_steps
from wgen_tui.services.experiments.arms.untrained import STEPS

SHOWN = 8  # steps that are named one by one
CONTINUES, TAKES = ("goes on from", "start_from"), ("takes", "between.arms")


@dataclass(frozen=True, slots=True)
class RowCount:
    """How many rows an arm trains, and how many they would be if no file gave only a part."""

    rows: int
    every: int


def held_training(training: TrainingConfig, arm: Arm, every: int) -> TrainingConfig:
    """How an arm is trained: with its steps held as they were with all rows, where it says so."""
    if arm.hold != "steps" or training.max_steps is not None:
        return training
    steps = total_steps(training, every)
    return training.model_copy(update={"max_steps": steps, "num_train_epochs": None})


def not_kept(
    name: str, does: tuple[str, str], parent: str, step: int, kept: Sequence[int]
) -> tuple[str, str]:
    """What to say of a step that an arm's parent does not keep, and what to write.

    Args:
        name: The arm.
        does: What it does with the step, and which of its keys says so.
        parent: Whose step.
        step: Which.
        kept: Those that the parent keeps, ascending.
    """
    told = kept_instead(step, kept)
    why = f"Arm {name} {does[0]} step {step} of {parent}, which keeps no checkpoint there: {told}."
    near = f"{parent}@{nearest_step(step, kept)}"
    return why, f"Write {does[1]}: {near}, or {parent} for the last, or change checkpoints."


def kept_instead(step: int, kept: Sequence[int]) -> str:
    """Which steps are kept where one is not: all of a few, else those beside it."""
    if len(kept) <= SHOWN:
        return f"it keeps {', '.join(map(str, kept))}"
    place = bisect_left(kept, step)
    near = [str(one) for one in kept[max(0, place - 1) : place + 1]]
    if len(near) == 1:
        return f"the nearest of {len(kept)} that it keeps is {near[0]}"
    return f"of the {len(kept)} that it keeps {' and '.join(near)} are the nearest"


def nearest_step(step: int, kept: Sequence[int]) -> int:
    """The step beside one; the earlier of two that are as near."""
    return min(kept, key=lambda one: abs(one - step))


def unkept_steps(
    definition: Definition, rows: Mapping[str, RowCount]
) -> Iterator[tuple[KeyPath, str, str]]:
    """Every step of an arm that another one names and that it does not keep: key, message, hint.

    Args:
        definition: The experiment.
        rows: By arm that is trained here on rows that are there.
    """
    for name, arm in definition.arms.items():
        named = [(arm.parent, arm.parent_step, CONTINUES)] if arm.start_from else []
        if arm.between is not None:
            named += [(end, step, TAKES) for end, step in arm.between.ends]
        for parent, step, does in named:
            if step is None or parent not in definition.arms:
                continue
            for model in definition.models:
                kept = _kept(definition, model, parent, rows.get(parent))
                if kept and step not in kept:
                    key = ("arms", name, *does[1].split("."))
                    yield key, *not_kept(name, does, parent, step, kept)
                    break


def _kept(definition: Definition, model: str, name: str, count: RowCount | None) -> tuple[int, ...]:
    """The steps that an arm keeps; none where that is not known yet."""
    arm = definition.arms[name]
    if not arm.has_rows:
        return (STEPS,)
    training = definition.training.of(model, name)
    made_later = arm.derived is not None or arm.upsample is not None
    if made_later and training.max_steps is None:
        return ()
    if training.max_steps is None and count is None:
        return ()
    held = held_training(training, arm, count.every if count else 0)
    return held.checkpoints.steps(total_steps(held, count.rows if count else 0))
