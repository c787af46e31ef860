"""Arms whose adapter was trained elsewhere, as far as planning needs them.

Promises: such an arm is one run for each model, whatever the seeds: nothing of it is trained, so
more seeds would be the same adapter counted again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.checking.alphas import scaled_variant
from experiments.errors import DefinitionError
from experiments.folders import FILE
from experiments.schema import Arm, Definition, LoraConfig, TrainingConfig
from experiments.sources import problem_in
from experiments.yaml_source import KeyPath, read_yaml
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import AdapterRef, ModelRef
from wgen_tui.services.experiments.arms.untrained import STEPS, shape_alone
from wgen_tui.services.models.foreign import resolve_adapter


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
        return shape_alone(self.lora, planned)


def foreign_arms(
    home: Home, folder: Path, definition: Definition, arms: Mapping[str, Arm]
) -> dict[str, ForeignArm]:
    """The arms that have an adapter, by name.

    Args:
        home: Whose runs keep to the commits that they were planned with.
        folder: Of the definition.
        definition: What asks something of these adapters.
        arms: Those that are looked at.

    Raises:
        UsageError: there is no such adapter, or none that can be applied.
        DefinitionError: it cannot be what the definition has it be.
    """
    made = {}
    for name, arm in arms.items():
        if arm.adapter is None:
            continue
        try:
            resolved = resolve_adapter(home, definition.slug, folder, arm.adapter)
        except UsageError as error:
            where = problem_in(folder, ("arms", name, "adapter"), error.message)
            raise UsageError(str(where), title=error.title, hint=error.hint) from error
        made[name] = ForeignArm(arm, *resolved)
    unfit = [finding for name, item in made.items() for finding in _unfit(definition, name, item)]
    if unfit:
        document = read_yaml(folder / FILE)
        raise DefinitionError(*(document.problem(*finding) for finding in unfit))
    return made


def _unfit(
    definition: Definition, name: str, item: ForeignArm
) -> Iterator[tuple[KeyPath, str, str]]:
    """What an adapter trained elsewhere is to be and cannot: key, message and hint."""
    plain = TrainingConfig(lora=item.lora, max_steps=STEPS).not_stackable_because
    if plain and (variant := scaled_variant(definition)):
        why = f"Variant {variant!r} has alpha, and this adapter cannot be scaled: {plain}."
        yield ("arms", name, "adapter"), why, "Leave alpha out, or the arm."
    for other, arm in definition.arms.items():
        if plain and arm.between is not None and name in arm.needs["between"]:
            why = f"The adapter of {name!r} has no middle with another: {plain}."
            yield ("arms", other, "between", "arms"), why, "Take adapters that are plain LoRA."
        if arm.parent != name:
            continue
        for model in definition.models:
            own, theirs = _shape(definition.training.of(model, other).lora), _shape(item.lora)
            if own != theirs:
                why = f"It goes on with the adapter of {name!r}, which has {theirs}, not {own}"
                yield (
                    ("arms", other, "start_from"),
                    f"{why} ({model}).",
                    "One adapter has one shape.",
                )
                break


def _shape(lora: LoraConfig) -> str:
    kind = (", rsLoRA" if lora.use_rslora else "") + (", DoRA" if lora.use_dora else "")
    return f"r {lora.r}, lora_alpha {lora.lora_alpha:g}{kind}"


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
