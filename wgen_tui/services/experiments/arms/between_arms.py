"""Arms that lie between two others, as far as planning needs them.

Promises: a run of such an arm is made of the two runs of its own model and seed, so seeds are
paired; where neither of them is trained here it is one run, as these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.schema import Arm, LoraConfig, TrainingConfig
from experiments.schema.arm_kinds.between import lora_between
from wgen_tui.errors import UsageError
from wgen_tui.protocol.arms import BetweenSpec, Parent
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.experiments.arms.arm_steps import TAKES
from wgen_tui.services.experiments.arms.two_stages import parent_of
from wgen_tui.services.experiments.arms.untrained import shape_alone


@dataclass(frozen=True, slots=True)
class BetweenArm:
    """An arm with what one of its runs is made of.

    Attributes:
        arm: The arm.
        between: The two checkpoints.
        lora: The shape of the adapter.
        sha256: Of its data: it has none.
    """

    arm: Arm
    between: BetweenSpec
    lora: LoraConfig
    sha256: None = None

    def __len__(self) -> int:
        return 0

    def training(self, planned: TrainingConfig) -> TrainingConfig:
        """What a worker has to know: the adapter's shape, and how its base is loaded."""
        return shape_alone(self.lora, planned)


def between_arm(name: str, arm: Arm, runs: Mapping[str, RunSpec]) -> BetweenArm:
    """What a run of an arm is made of.

    Args:
        name: The arm's.
        arm: The arm.
        runs: By arm the run of the same model and seed.

    Raises:
        UsageError: a step that is not kept, or an adapter that has no middle with another.
    """
    told = arm.between
    assert told is not None
    shapes: list[LoraConfig] = []
    parents: list[Parent] = []
    for end, step in told.ends:
        training = runs[end].training
        assert training is not None
        if (why := training.not_stackable_because) is not None:
            raise UsageError(
                f"Arm {name}: the adapter of {end} has no middle with another: {why}.",
                title="Nothing between",
                hint="Take adapters that are plain LoRA.",
            )
        shapes.append(training.lora)
        parents.append(parent_of(name, runs[end], step, TAKES))
    first, second = parents
    if first == second:
        raise UsageError(
            f"Arm {name}: both ends are {first}.",
            title="Nothing between",
            hint="Name another step or arm.",
        )
    spec = BetweenSpec(first=first, second=second, t=told.t)
    return BetweenArm(arm, spec, lora_between(shapes[0], shapes[1], told.t))
