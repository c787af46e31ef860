"""What is particular to some of the runs that are planned, in words for a plan.

Promises: a line for each way in which arms differ from what the definition says for all, whatever
made them differ; arms that are alike are named together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from experiments.schema import Definition, Model, TrainingConfig
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.steps import steps_per_epoch, total_steps


def arm_notes(definition: Definition, specs: Iterable[RunSpec]) -> list[str]:
    """What a plan says of runs that are not simply an arm's rows by the definition's training."""
    common = definition.training.of("", "")
    said: dict[str, dict[str, None]] = defaultdict(dict)
    trained = [(spec, spec.training) for spec in specs if spec.training is not None]
    several = len({spec.model.name for spec, _ in trained}) > 1
    for spec, training in trained:
        of = f" of {spec.model.name}" if several else ""
        if spec.adapter is not None:
            how = "applied and sampled, not trained; one run, whatever the seeds"
            said[f"adapter {spec.adapter}: {how}"][f"{spec.arm}{of}"] = None
            continue
        if spec.between is not None:
            mixed = " and ".join(
                f"{share:g} of arm {parent.arm}'s "
                + ("last adapter" if parent.step is None else f"adapter at step {parent.step}")
                for parent, share in spec.between.parts
            )
            said[f"between: {mixed}, seed by seed; not trained"][f"{spec.arm}{of}"] = None
            continue
        if spec.sorts_rows:
            how = f"{dose_of(spec, training)}, by which rows of others are told apart"
            said[f"first training: {how}; not sampled"][f"{spec.arm}{of}"] = None
            continue
        if differs := ", ".join(_differences(_planned(spec, training, common), common)):
            said[f"training.for: {differs}"][f"{spec.arm}{of}"] = None
        if spec.parent is not None:
            which = "last step" if spec.parent.step is None else f"step {spec.parent.step}"
            whose = f"arm {spec.parent.arm}'s adapter at its {which}"
            said[f"start_from: goes on with {whose}"][f"{spec.arm}{of}"] = None
        if spec.upsample is not None:
            again = "slow rows" if spec.upsample.by == "useful" else "as many random rows"
            told = f"{again} of {spec.upsample.given:,} stand twice"
            said[f"upsample: {told}, after the first training {spec.upsample.first.arm}"][
                f"{spec.arm}{of}"
            ] = None
        if spec.hold is not None:
            said[f"hold: {spec.hold}: {dose_of(spec, training)}"][f"{spec.arm}{of}"] = None
    return [f"{_arms(arms)}: {what}" for what, arms in said.items()]


def dose_of(spec: RunSpec, training: TrainingConfig) -> str:
    """How long a run is trained on how many rows."""
    steps = total_steps(training, spec.data_rows)
    epochs = steps / steps_per_epoch(training, spec.data_rows)
    rows = "1 row" if spec.data_rows == 1 else f"{spec.data_rows:,} rows"
    each = "1 epoch" if epochs == 1 else f"{epochs:.3g} epochs"
    return f"{rows} for {steps:,} {'step' if steps == 1 else 'steps'}, {each}"


def _planned(spec: RunSpec, training: TrainingConfig, common: TrainingConfig) -> TrainingConfig:
    """The training but for a length that is held."""
    if spec.hold != "steps":
        return training
    length = {key: getattr(common, key) for key in ("max_steps", "num_train_epochs")}
    return training.model_copy(update=length)


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
        told = value
        if isinstance(value, Model):
            told = value.model_dump(mode="json", exclude_defaults=True)
        elif isinstance(value, float):
            told = f"{value:g}"
        yield f"{before}{name} {told}"
