"""The plan of `run start`: which runs, which of their stages, how many samples.

Promises: planning writes nothing, so a mistake in the input leaves no trace; a plan names
only work that is neither done nor queued, so the same command twice does it once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from experiments.readouts import is_read
from experiments.schema import BASE_ARM, Arm, Definition, Seeds, parse_seeds
from experiments.schema.arm_kinds.held_out import held_out_name
from experiments.schema.regularise import held_name
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.judging import Panel
from wgen_tui.protocol.launches import JudgeStage, PromptSpec, SampleStage
from wgen_tui.protocol.queue import SlurmSettings
from wgen_tui.protocol.runs import ModelRef, RunSpec
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.arm_examples import (
    Examples,
    RunData,
    held_out_examples,
    load_examples,
)
from wgen_tui.services.experiments.arms.arm_kinds import arm_notes
from wgen_tui.services.experiments.arms.derived_rows import asked_prompts
from wgen_tui.services.experiments.arms.foreign_arms import foreign_arms, foreign_warnings
from wgen_tui.services.experiments.arms.held_out_sets import held_out_notes, held_out_sets
from wgen_tui.services.experiments.arms.shown_rows import check_shown, shown_rows
from wgen_tui.services.experiments.arms.two_stages import with_parents
from wgen_tui.services.experiments.arms.upsampled_rows import read_classes
from wgen_tui.services.experiments.data_checks import (
    Chats,
    OnProgress,
    check_targets,
    check_tokens,
    text_warning,
)
from wgen_tui.services.experiments.scales import scaled
from wgen_tui.services.judges.panel import WaitingJudges, make_panels
from wgen_tui.services.judges.row_judges import row_judges
from wgen_tui.services.models.resolve import check_model, resolve_model
from wgen_tui.services.models.revision import lowest_mask_version, pinned
from wgen_tui.services.models.support import refuse_all_linear
from wgen_tui.services.planning.disk import disk_warnings, planned_mb
from wgen_tui.services.planning.endpoint_status import endpoint_warnings
from wgen_tui.services.planning.run_specs import make_specs, refuse_collisions
from wgen_tui.services.planning.stages import make_judge_stage, make_sample_stage, unkept_notes
from wgen_tui.services.planning.template_date import dated_template
from wgen_tui.services.planning.todo import PlannedRun, all_missing, untrained_arms
from wgen_tui.services.settings import read_settings
from wgen_tui.services.slurm import options as backend
from wgen_tui.services.suggest import unknown
from wgen_tui.terminal_text import plural


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line may change of a definition; None leaves it as it is.

    Attributes:
        models: Base models instead of the definition's.
        arms: Only these arms (`base` always comes along).
        seeds: As in a definition: `3`, `0-5`, `0-2,7`.
        n: Draws per prompt, for all questions.
        checkpoints: Which checkpoints are sampled: `final`, `all`, or steps such as `10,20`.
        trust_remote_code: Let the models run code of their own.
        trust_pickle: Load weights from pickles, where a model has no others.
        backend: `local` or `slurm`.
        notify: The command to run when all has ended, as arguments; config.toml's when empty.
        judge_models: What names of judges' models stand for, before config.toml's `[judges]`.
        scale: Name of one of the definition's; it says what the others leave open.
    """

    models: Sequence[str] | None = None
    arms: Sequence[str] | None = None
    seeds: str | None = None
    n: int | None = None
    checkpoints: str | None = None
    trust_remote_code: bool = False
    trust_pickle: bool = False
    backend: str | None = None
    notify: Sequence[str] = ()
    judge_models: Mapping[str, str] = field(default_factory=dict)
    scale: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What `run start` would do.

    Attributes:
        slurm: How launches are submitted to Slurm; None to run them on this machine.
        disk_mb: The most that it would write.
        panels: Judges that are models, one panel for each model; runs name them by their place.
        loaded: Of each panel, in which precision its model is loaded here, and why.
        only_judges: Whether nothing is trained, drawn or graded by rules (`grade judge`).
        waiting: Judges that cannot be asked yet.
        notes: What is particular to some of its runs.
    """

    definition: Definition
    runs: tuple[PlannedRun, ...]
    prompts: tuple[PromptSpec, ...]
    sample: SampleStage
    judge: JudgeStage
    warnings: tuple[str, ...] = ()
    slurm: SlurmSettings | None = None
    notify: tuple[str, ...] = ()
    disk_mb: int = 0
    panels: tuple[Panel, ...] = ()
    loaded: tuple[str, ...] = ()
    only_judges: bool = False
    waiting: tuple[WaitingJudges, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return all(run.idle for run in self.runs)

    @property
    def during(self) -> SampleStage | None:
        """What is drawn from every checkpoint during training."""
        curve = self.definition.sampling.during_training
        if curve is None:
            return None
        prompts = tuple(
            prompt
            for prompt in self.prompts
            if (curve.questions is None or prompt.question in curve.questions)
            and prompt.alpha in (None, 1)  # a run in training is drawn from as it is
        )
        sampling = self.sample.sampling.model_copy(update={"n": curve.n})
        asked = {prompt.question for prompt in prompts}
        others = self.sample.sampling_by_question.items()
        return SampleStage(
            prompts=prompts,
            sampling=sampling,
            sampling_by_question={name: own for name, own in others if name in asked},
            by_variant={
                name: own.model_copy(update={"n": None})
                for name, own in self.sample.by_variant.items()
            },
        )


def make_plan(
    home: Home,
    slug_or_path: str,
    options: Options | None = None,
    *,
    trains: bool = True,
    on_progress: OnProgress | None = None,
) -> Plan:
    """Check all that can be checked without torch, and plan what is missing.

    Args:
        home: Where the runs are.
        slug_or_path: The experiment.
        options: What the command line changes of it.
        trains: Whether runs may be trained: rows that cannot be are then refused.
        on_progress: Called with how many examples are encoded with a model, and of how many.

    Raises:
        UsageError: anything wrong with the definition, its data, its models or the options.
    """
    definition = definitions.load(home, slug_or_path)
    options = scaled(definition, options or Options())
    arms = _select_arms(definition, options.arms)
    seeds = _select_seeds(definition, options.seeds)
    slurm = backend.chosen(home, definition.backend, options.backend)
    sample = make_sample_stage(definition, options.n, options.checkpoints)
    judge = make_judge_stage(definition)
    every = {
        name: load_examples(home, slug_or_path, definition, name, arm)
        for name, arm in arms.items()
        if arm.has_rows
    }
    between = {name: arm for name, arm in arms.items() if arm.between is not None}
    with definitions.usage_errors():
        foreign = foreign_arms(home, definitions.folder(home, slug_or_path), definition, arms)
    warnings = _data_warnings(definition, every)
    examples = {name: item for name, item in every.items() if item.arm.in_context is None}
    chosen_by = {seeds.data_order} if seeds.data_order is not None else set(seeds.values)
    shown = {
        name: shown_rows(name, item, chosen_by)
        for name, item in every.items()
        if name not in examples
    }
    chats = {
        name: Chats(len(item), item.chats)
        for name, item in examples.items()
        if len(item) or item.arm.derived is None
    }
    trained = [item.arm for item in examples.values()]
    keepers = row_judges(home, definition, trained, options.judge_models)
    to_ask = {
        name: asked_prompts(home, slug_or_path, definition, name, item.arm, keepers)
        for name, item in examples.items()
        if item.arm.derived is not None
    }
    classes = {
        name: read_classes(home, slug_or_path, name, item.arm)
        for name, item in examples.items()
        if item.arm.upsample is not None
    }
    warnings += [f"arm {name}: {item.note}" for name, item in to_ask.items()]
    held = {held_name(name): rows for name, item in examples.items() if (rows := item.held)}
    held_out = {name: rows for name, item in examples.items() if (rows := item.held_out)}
    held_out |= {
        name: rows
        for name, arm in arms.items()
        if not arm.has_rows
        and (rows := held_out_examples(home, slug_or_path, definition, name, arm))
    }
    held |= {held_out_name(name): rows for name, rows in held_out.items()}
    chats |= {name: Chats(len(rows), rows.chats) for name, rows in held.items()}
    measured = held_out_sets(definition, options.models or definition.models, held_out)
    sample = sample.model_copy(update={"held_out": measured})
    specs: list[tuple[RunSpec, RunData]] = []
    for name in options.models or definition.models:
        model = resolve_model(
            home,
            name,
            trust_remote_code=options.trust_remote_code,
            trust_pickle=options.trust_pickle,
        )
        model, pins = pinned(home, definition.slug, model)
        facts = check_model(model, definition.chat_template)
        warnings += pins
        if model.endpoint is not None:
            untaken = {*examples, *foreign, *between}
            _refuse_training(model, [arm for arm in options.arms or () if arm in untaken])
            warnings += _served_warnings(home, model, definition, untaken)
            specs += make_specs(definition, model, {}, seeds, shown=shown)
            continue
        for arm in examples:
            training = definition.training.of(model.name, arm)
            if trains:
                refuse_all_linear(model.name, facts.config, training)
            check_targets(training, model)
        for item in foreign.values():
            check_targets(item.training(definition.training), model)
        warnings += foreign_warnings(model, foreign)
        template = dated_template(home, definition, model)
        warnings += [template.note] if template.note else []
        dated = definition.model_copy(update={"chat_template": template.text})
        mine = make_specs(
            definition, model, examples, seeds, template, shown, foreign, to_ask, between, classes
        )
        warnings += check_shown(dated, model, shown)
        warnings += check_tokens(
            dated,
            model,
            chats,
            slug_or_path,
            to_train=_with_held(untrained_arms(home, mine)) if trains else (),
            mask_version=partial(lowest_mask_version, home, definition.slug, model),
            on_progress=on_progress,
        )
        specs += mine
    every_spec = [spec for spec, _ in specs]
    refuse_collisions(every_spec)
    warnings += unkept_notes(home, every_spec, sample)
    asked = make_panels(home, definition, options.judge_models, slurm=slurm)
    warnings += [item.sentence for item in asked.waiting]
    runs = all_missing(home, specs, sample, judge, asked.panels)
    settings = read_settings(home)
    notify = tuple(options.notify) or settings.notify.command
    plan = Plan(definition, runs, sample.prompts, sample, judge, (), slurm, notify)
    needed = planned_mb(home, runs, sample, judge, plan.during, asked.panels)
    warnings += disk_warnings(home, needed, settings.disk)
    plan = replace(
        plan,
        warnings=tuple(warnings),
        disk_mb=needed,
        panels=asked.panels,
        loaded=asked.loaded,
        waiting=asked.waiting,
        notes=(
            *arm_notes(definition, every_spec),
            *held_out_notes(measured, sum(run.rows_missing for run in runs)),
        ),
    )
    if slurm is not None and not plan.empty:
        backend.check(home, slurm)
    return plan


def _with_held(arms: Collection[str]) -> set[str]:
    """Arms, the rows that hold them near their base, and those that they hold out."""
    return {*arms, *map(held_name, arms), *map(held_out_name, arms)}


def _refuse_training(model: ModelRef, arms: Sequence[str]) -> None:
    if arms:
        raise UsageError(
            f"{model.name} is a served model, which can be sampled but not trained: "
            f"{', '.join(arms)} cannot be done.",
            title="Served model",
            hint="Leave out --arms to sample it as the base, or give --model a hub id or a path. "
            "A served model that was fine-tuned elsewhere cannot stand for an arm yet.",
        )


def _served_warnings(
    home: Home, model: ModelRef, definition: Definition, arms: Collection[str]
) -> list[str]:
    """What a person should know before a served model is sampled."""
    warnings = []
    if arms:
        warnings.append(f"{model.name} is served: only the base is sampled, no arm is trained")
    if definition.chat_template is not None:
        warnings.append(f"chat_template is not used for {model.name}: its server applies its own")
    if read := [question.name for question in definition.questions if is_read(question)]:
        warnings.append(f"{model.name} is served: {', '.join(read)} cannot be read from it")
    if any(arm.held_out is not None for arm in definition.arms.values()):
        warnings.append(f"{model.name} is served: it cannot be measured on held-out rows")
    return warnings + endpoint_warnings(home, model)


def _select_arms(definition: Definition, names: Sequence[str] | None) -> dict[str, Arm]:
    if names is None:
        return dict(definition.arms)
    for name in names:
        if name not in definition.arms and name != BASE_ARM:
            raise unknown("arm", name, [*definition.arms, BASE_ARM])
    if not names:
        raise UsageError("No arm was given.", title="No arms")
    return with_parents(definition, names)


def _select_seeds(definition: Definition, text: str | None) -> Seeds:
    if text is None:
        return definition.seeds
    try:
        values = parse_seeds(text)
    except ValueError as error:
        raise UsageError(f"--seeds {text}: {error}.", title="Bad seeds") from error
    return definition.seeds.model_copy(update={"values": values})


def _data_warnings(definition: Definition, examples: dict[str, Examples]) -> list[str]:
    """Arms that would train on the same examples, keys not read, and what the texts say."""
    first: dict[tuple[object, ...], str] = {}
    warnings = []
    for name, item in examples.items():
        if item.arm.in_context is not None or item.arm.derived is not None:
            continue
        trained = definition.training.of(definition.models[0], name)
        arm = item.arm
        same = (
            *(item.sha256, arm.regularise, arm.start_from, arm.upsample),
            trained.model_dump_json(),
        )
        other = first.setdefault(same, name)
        if other != name:
            number = plural(len(item), "example")
            warnings.append(f"arms {other} and {name} train on the same {number}")
    warnings += _told_of(examples)
    for name, item in examples.items():
        if item.held is not None:
            warnings += _told_of({held_name(name): item.held})
    return warnings


def _told_of(examples: Mapping[str, Examples]) -> list[str]:
    """What was not read of data, and what the texts say."""
    warnings = [f"arm {name}: {note}" for name, item in examples.items() for note in item.notes]
    texts = [(name, problem) for name, item in examples.items() for problem in item.problems]
    return [*warnings, *map(text_warning, texts)]
