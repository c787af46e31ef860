"""Which keys of an arm `sweep:` may say: those that a number or a word changes.

Promises: each is named as it stands in an arm, `regularise.kl_to_base` for one within.
"""

from __future__ import annotations

from typing import Any

from experiments.schema.arm_kinds.held_out import HeldOut
from experiments.schema.arm_kinds.upsample import Upsample
from experiments.schema.arms import InContext
from experiments.schema.base import Model
from experiments.schema.contexts import TrainingContext
from experiments.schema.data_files import DataFile
from experiments.schema.derived import Derived
from experiments.schema.regularise import Regularise

PARTS_OF_ARMS: dict[str, type[Model]] = {
    "data": DataFile,
    "context": TrainingContext,
    "regularise": Regularise,
    "held_out": HeldOut,
    "upsample": Upsample,
    "derived": Derived,
    "in_context": InContext,
}
ALONE = ("hold", "start_from")  # keys of an arm that are one word
OF_A_FILE = ("data", "held_out")  # parts that may be written as the name of a file


def sweepable_of_arms() -> list[str]:
    """Every such key."""
    inner = (f"{part}.{key}" for part, model in PARTS_OF_ARMS.items() for key in model.model_fields)
    return [*ALONE, *inner]


def is_of_arm(key: str) -> bool:
    """Whether it is a key of arms, not of training."""
    return key in ALONE or key.partition(".")[0] in PARTS_OF_ARMS


def changed(arm: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """What an arm says otherwise with this value: `{"regularise": {…}}`."""
    part, dot, inner = key.partition(".")
    return {part: {**_part(arm, part), inner: value} if dot else value}


def has(arm: Any, key: str) -> bool:
    """Whether an arm has the part that a key changes; a word alone goes into any arm with rows."""
    part = key.partition(".")[0]
    return isinstance(arm, dict) and (("data" in arm) if part in ALONE else bool(_part(arm, part)))


def _part(arm: dict[str, Any], part: str) -> dict[str, Any]:
    given = arm.get(part)
    if isinstance(given, str) and part in OF_A_FILE:
        return {"file": given}
    return given if isinstance(given, dict) else {}
