"""Arms whose adapter was trained elsewhere, as far as planning needs them.

Promises: such an arm is one run for each model, whatever the seeds: nothing of it is trained, so
more seeds would be the same adapter counted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from experiments.schema import Arm, LoraConfig, TrainingConfig
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import AdapterRef, ModelRef
from wgen_tui.services.experiments import definitions
from wgen_tui.services.models.foreign import resolve_adapter

STEPS = 1  # it has one checkpoint, and that has to have a step


@dataclass(frozen=True, slots=True)
class ForeignArm:
    """An arm with its adapter.

    Attributes:
        arm: The arm.
        adapter: Where it comes from.
        lora: Its shape.
        sha256: Of its data: it has none.
    """

    arm: Arm
    adapter: AdapterRef
    lora: LoraConfig
    sha256: None = None

    def __len__(self) -> int:
        return 0

    def training(self, planned: TrainingConfig) -> TrainingConfig:
        """What a worker has to know: the adapter's shape, and how its base is loaded."""
        loaded = {key: getattr(planned, key) for key in ("precision", "quantization")}
        return TrainingConfig(lora=self.lora, max_steps=STEPS, **loaded)


def foreign_arms(
    home: Home, slug_or_path: str, slug: str, arms: Mapping[str, Arm]
) -> dict[str, ForeignArm]:
    """The arms that have an adapter, by name.

    Raises:
        UsageError: there is no such adapter, or none that can be applied.
    """
    made = {}
    for name, arm in arms.items():
        if arm.adapter is not None:
            where = definitions.folder(home, slug_or_path)
            made[name] = ForeignArm(arm, *resolve_adapter(home, slug, where, arm.adapter))
    return made


def foreign_warnings(model: ModelRef, foreign: Mapping[str, ForeignArm]) -> list[str]:
    """Adapters that say that they belong to another base."""
    return [
        f"arm {name}: its adapter says that it was trained on {base}, and is put on {model.name}"
        for name, item in foreign.items()
        if (base := item.adapter.trained_on) is not None and not _same(base, model)
    ]


def _same(base: str, model: ModelRef) -> bool:
    """Whether a name may be the model's: a copy may lie in a folder of the same name."""
    own = {model.name, model.location, model.location.rpartition("/")[2]}
    return bool(own & {base, base.rstrip("/").rpartition("/")[2]})
