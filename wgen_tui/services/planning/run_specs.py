"""Run specs: the runs of a definition, and their ids.

Promises: an id covers all that changes what is trained (weights, data, training, seeds, template,
arm; the run and step that it goes on from; the other arms and their data where all are trained
jointly) and nothing else, so it is the
same on every machine, and more questions or samples later belong to the same run.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence, Sized
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from experiments.catalogue import definition_hash
from experiments.schema import BASE_ARM, Arm, Definition, Seeds, TrainingConfig
from wgen_tui import __version__
from wgen_tui.errors import UsageError
from wgen_tui.paths import RunPaths, checked_id
from wgen_tui.protocol.arms import DerivedSpec, Parent, RegulariseSpec, UpsampleSpec
from wgen_tui.protocol.hashes import short_hash
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import ModelRef, RunSpec, SeedSet, TaskSpec
from wgen_tui.services.experiments.arm_examples import Examples, RunData, RunFiles, no_data
from wgen_tui.services.experiments.arms.arm_steps import held_training
from wgen_tui.services.experiments.arms.between_arms import BetweenArm, between_arm
from wgen_tui.services.experiments.arms.derived_rows import AskedPrompts, derived_spec
from wgen_tui.services.experiments.arms.foreign_arms import ForeignArm
from wgen_tui.services.experiments.arms.shown_rows import ShownRows
from wgen_tui.services.experiments.arms.two_stages import needed_by, parent_of, parents_first
from wgen_tui.services.experiments.arms.upsampled_rows import (
    RowClasses,
    first_name,
    trained_first,
    upsample_spec,
)
from wgen_tui.services.models.fingerprint import weights_key
from wgen_tui.services.planning.template_date import DatedTemplate
from wgen_tui.training_data.mask_version import MASK_VERSION

LORA_SEEDS = 2**32  # NumPy's limit
PACKAGES = ("torch", "transformers", "peft", "accelerate", "safetensors", "tokenizers")


def make_specs(
    definition: Definition,
    model: ModelRef,
    examples: Mapping[str, Examples],
    seeds: Seeds,
    template: DatedTemplate | None = None,
    shown: Mapping[str, Mapping[int, ShownRows]] | None = None,
    foreign: Mapping[str, ForeignArm] | None = None,
    asked: Mapping[str, AskedPrompts] | None = None,
    between: Mapping[str, Arm] | None = None,
    classes: Mapping[str, RowClasses | None] | None = None,
) -> list[tuple[RunSpec, RunData]]:
    """The runs of one model: the base once, then every trained and every shown arm by seed.

    Args:
        definition: The experiment.
        model: The model.
        examples: By arm that is trained.
        seeds: Which.
        template: The chat template with its date; the definition's where absent.
        shown: By arm that shows rows in context, and by the seed that chooses them.
        foreign: By arm whose adapter was trained elsewhere: one run each, as of the base.
        asked: By arm with rows that a model makes, what that answers.
        between: The arms that lie between two others.
        classes: Of the rows of arms of which some stand twice.
    """
    asked = asked or {}
    # The base is not trained: one run serves all seeds, and more seeds later do not add another.
    base_seed = definition.seeds.values[0]
    template = template or DatedTemplate(definition.chat_template)
    base = _make_spec(definition, model, template, BASE_ARM, None, _seed_set(seeds, base_seed))
    # Trained jointly, each arm changes what the others become: their data is part of the id.
    tasks = [(name, item.sha256) for name, item in examples.items()]
    joint = tasks if definition.training.method == "poly" else None
    once = _seed_set(seeds, base_seed)
    applied = {
        name: _make_spec(definition, model, template, name, item, once)
        for name, item in (foreign or {}).items()
    }
    made: dict[tuple[str, int], RunSpec] = {}
    first: dict[tuple[str, int], tuple[RunSpec, RunData]] = {}
    middle = dict(between or {})
    for name in parents_first({**{name: item.arm for name, item in examples.items()}, **middle}):
        if name in middle and all(of in applied for of in needed_by(middle[name])):
            two = between_arm(name, middle[name], applied)
            applied[name] = _make_spec(definition, model, template, name, two, once)
            continue
        for seed in seeds.values:
            there = applied | {arm: spec for (arm, of), spec in made.items() if of == seed}
            numbers = _seed_set(seeds, seed)
            if name in middle:
                two = between_arm(name, middle[name], there)
                made[name, seed] = _make_spec(definition, model, template, name, two, numbers)
                continue
            item = examples[name]
            before, step = there.get(item.arm.parent), item.arm.parent_step
            parent = parent_of(name, before, step) if before is not None else None
            derived = None
            if name in asked:
                teacher = there.get(asked[name].derived.teacher)
                derived = derived_spec(asked[name], teacher, len(item))
            again = None
            if name in (classes or {}):
                told = first_name(definition, model.name, name)
                if (told, seed) not in first:
                    spec = _first(definition, model, template, told, name, item, numbers, parent)
                    first[told, seed] = spec, _files(item, None)
                again = upsample_spec(item, first[told, seed][0], (classes or {})[name])
            made[name, seed] = _make_spec(
                definition, model, template, name, item, numbers, joint, parent, derived, again
            )
    specs = {(name, seed): made[name, seed] for name in examples for seed in seeds.values}
    if joint is not None:
        specs = {key: _with_task(specs, examples, *key) for key in specs}
    in_context = [
        (_make_spec(definition, model, template, name, rows, numbers), rows.data)
        for name, by_seed in (shown or {}).items()
        for numbers in (_seed_set(seeds, seed) for seed in seeds.values)
        for rows in (by_seed[numbers.data_order],)
    ]
    trained = (
        (spec, _files(examples[arm], asked.get(arm), (classes or {}).get(arm)))
        for (arm, _), spec in specs.items()
    )
    elsewhere = ((spec, no_data) for spec in applied.values())
    combined = ((spec, no_data) for (arm, _), spec in made.items() if arm in middle)
    return [(base, no_data), *elsewhere, *first.values(), *trained, *combined, *in_context]


def _first(
    definition: Definition,
    model: ModelRef,
    template: DatedTemplate,
    name: str,
    arm: str,
    item: Examples,
    numbers: SeedSet,
    parent: Parent | None,
) -> RunSpec:
    """The first training of an arm's rows, under a name of its own."""
    training = trained_first(definition.training.of(model.name, arm), item)
    return _make_spec(
        definition, model, template, name, item, numbers, parent=parent, first=training
    )


def _with_task(
    specs: Mapping[tuple[str, int], RunSpec], examples: Mapping[str, Examples], arm: str, seed: int
) -> RunSpec:
    """A run with its task; tasks are numbered in the order of the arms."""
    task = TaskSpec(
        index=list(examples).index(arm),
        arms=tuple(examples),
        data=tuple(item.sha256 for item in examples.values()),
        rows=tuple(map(len, examples.values())),
        runs=tuple(specs[name, seed].run_id for name in examples),
    )
    return specs[arm, seed].model_copy(update={"task": task})


def _refuse_large_seed(seeds: SeedSet) -> None:
    """Refuse a seed of a training that NumPy, and with it TRL, does not take.

    Raises:
        UsageError: it would fail in the worker.
    """
    if seeds.lora_init >= LORA_SEEDS:
        raise UsageError(
            f"Seed {seeds.lora_init} cannot begin a training: PEFT's and TRL's first weights take "
            "seeds below 2^32.",
            title="Seed too large",
            hint="Give smaller seeds, or seeds: {values: …, lora_init: 0} to fix that one.",
        )


def _seed_set(seeds: Seeds, seed: int) -> SeedSet:
    def own(value: int | None) -> int:
        return seed if value is None else value

    return SeedSet(
        seed=seed,
        data_order=own(seeds.data_order),
        lora_init=own(seeds.lora_init),
        sampling=own(seeds.sampling),
    )


def _make_spec(
    definition: Definition,
    model: ModelRef,
    template: DatedTemplate,
    arm: str,
    item: Examples | ShownRows | ForeignArm | BetweenArm | None,
    seeds: SeedSet,
    tasks: Sequence[tuple[str, str]] | None = None,
    parent: Parent | None = None,
    derived: DerivedSpec | None = None,
    upsample: UpsampleSpec | None = None,
    first: TrainingConfig | None = None,
) -> RunSpec:
    """A run. Its id covers all that changes what is trained, and nothing else."""
    in_context = len(item) if isinstance(item, ShownRows) else None
    training = first
    if isinstance(item, Examples) and first is None:
        training = _training(definition, model, arm, item)
    adapter = item.adapter if isinstance(item, ForeignArm) else None
    between = item.between if isinstance(item, BetweenArm) else None
    regularise = _regularise(item) if isinstance(item, Examples) else None
    if training is not None:
        _refuse_large_seed(seeds)
    key = short_hash(
        weights_key(model),
        arm,
        item.sha256 if item is not None else None,
        # Only what the definition says: a key that a later version adds leaves old ids alone.
        training.model_dump(mode="json", exclude_defaults=True) if training else None,
        seeds.model_dump() if item is not None and adapter is None else seeds.sampling,
        template.text,
        *([] if tasks is None else [tasks]),
        *([] if in_context is None else ["in context"]),
        *([] if derived is None else derived.key),
        *([] if regularise is None else ["regularise", regularise.kl_to_base, regularise.sha256]),
        *([] if parent is None else [parent.key]),
        *([] if adapter is None else [adapter.key]),
        *([] if between is None else [between.key]),
        *([] if upsample is None else [upsample.key]),
        *([] if first is None else ["first training"]),
    )
    if isinstance(item, ForeignArm | BetweenArm):
        training = item.training(definition.training.of(model.name, arm))
    return RunSpec(
        run_id=checked_id(f"{definition.slug}-{arm}-s{seeds.seed}-{key}"),
        experiment=definition.slug,
        definition_hash=definition_hash(definition),
        arm=arm,
        role=item.arm.role if item is not None else "base",
        seeds=seeds,
        model=model,
        training=training,
        chat_template=template.text,
        template_date=template.date,
        mask_version=MASK_VERSION if training is not None else 1,
        adapter=adapter,
        parent=parent,
        between=between,
        # What is made later has its hash in derived.json or upsampled.json.
        data_sha256=item.sha256 if item and not (derived or upsample) else None,
        data_rows=_rows(item, derived, upsample),
        hold=(item.arm.hold or "epochs") if training and item and item.arm.dose else None,
        in_context=in_context,
        derived=derived,
        upsample=upsample,
        sorts_rows=first is not None,
        regularise=regularise,
        created_at=now(),
        versions=package_versions(),
    )


def _rows(item: Sized | None, derived: DerivedSpec | None, upsample: UpsampleSpec | None) -> int:
    """How many rows a run is trained on, or will be at most."""
    if derived is not None:
        return derived.expected
    if upsample is not None:
        return upsample.most
    return 0 if item is None else len(item)


def _training(definition: Definition, model: ModelRef, arm: str, item: Examples) -> TrainingConfig:
    """How an arm is trained: what counts for it, with its steps held where it says so."""
    return held_training(definition.training.of(model.name, arm), item.arm, item.all_rows)


def _files(
    item: Examples, asked: AskedPrompts | None, classes: RowClasses | None = None
) -> RunData:
    """What is written with a run of an arm."""
    more: dict[str, RunData] = {}
    names = RunPaths(Path())
    if item.held is not None:
        more[names.regularise.name] = item.held.data
    if asked is not None:
        more[names.asked.name] = asked.data
    if classes is not None:
        more[names.classes.name] = classes.data
    return RunFiles(item.data, more) if more else item.data


def _regularise(item: Examples) -> RegulariseSpec | None:
    """What holds the runs of an arm near their base."""
    told, rows = item.arm.regularise, item.held
    if told is None or rows is None:
        return None
    return RegulariseSpec(kl_to_base=told.kl_to_base, sha256=rows.sha256, rows=len(rows))


def package_versions() -> dict[str, str]:
    """The versions of Python and of the packages that a run's results depend on."""
    # Of itself it asks the code that runs: a checkout on the path need not be installed.
    versions = {"python": platform.python_version(), "wgen-tui": __version__}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def refuse_collisions(specs: Sequence[RunSpec]) -> None:
    """Refuse two runs that would write to one folder, also where file names ignore case."""
    seen: dict[str, RunSpec] = {}
    for spec in specs:
        other = seen.setdefault(spec.run_id.casefold(), spec)
        if other is not spec:
            if other.model != spec.model:
                what = f"Models {other.model.name} and {spec.model.name} are the same weights"
            else:
                what = f"Arms {other.arm} and {spec.arm} differ only in case"
            raise UsageError(
                f"{what}: both would write to run {spec.run_id}.",
                title="Two runs, one id",
                hint="Leave one of them out, or rename it.",
            )
