"""Judge what is there by judges that are models: nothing is trained, and nothing is drawn.

Promises: the plan is committed and followed as any other; a judge that cannot be asked is an error
where it is named, and is told where it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from experiments.schema import Definition
from store.samples.filters import chosen_by
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.queue import SlurmSettings
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.inventory import read_ids
from wgen_tui.services.data import sql
from wgen_tui.services.experiments import definitions
from wgen_tui.services.judges.panel import Panels, make_panels
from wgen_tui.services.planning.plan import Plan
from wgen_tui.services.planning.stages import make_judge_stage, make_sample_stage
from wgen_tui.services.planning.todo import PlannedRun, pending_launches, with_panels
from wgen_tui.services.runs.runs import get_run, read_spec, run_names
from wgen_tui.services.runs.unfinished_judges import unfinished_in
from wgen_tui.services.slurm import options as backend

MOST_NAMED = 2_000_000  # samples that `where` may choose


@dataclass(frozen=True, slots=True)
class Judging:
    """What `grade judge` is told.

    Attributes:
        judges: Only these; every judge that is a model when None.
        judge_models: What names of judges' models stand for.
        where: An SQL condition over `samples`.
        runs: Only these, by id or by the hash at its end.
        limit: Most samples that each judge judges.
        budget: In the unit of the endpoint's prices.
        backend: `local` or `slurm`.
    """

    judges: Sequence[str] | None = None
    judge_models: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None
    runs: Sequence[str] | None = None
    limit: int | None = None
    budget: float | None = None
    backend: str | None = None


def plan_judging(home: Home, slug_or_path: str, judging: Judging) -> Plan:
    """Plan the verdicts that samples on disk lack.

    Raises:
        UsageError: there are no judges or no samples, a judge that is named cannot be asked, or an
            option is wrong.
    """
    definition = definitions.load(home, slug_or_path)
    slurm = backend.chosen(home, definition.backend, judging.backend)
    asked = _panels(home, definition, judging, slurm)
    samples = None if judging.where is None else _chosen(home, definition.slug, judging.where)
    panels = tuple(
        panel.model_copy(
            update={"samples": samples, "limit": judging.limit, "budget": judging.budget}
        )
        for panel in asked.panels
    )
    stage = make_sample_stage(definition)
    runs = [_sampled(home, spec) for spec in _specs(home, definition.slug, judging.runs)]
    sampled = [run for run in runs if run.samples_total]
    if not sampled:
        raise UsageError(
            f"Experiment {definition.slug} has no samples to judge.",
            title="No samples yet",
            hint=f"wgen-tui run start {slug_or_path}",
        )
    return Plan(
        definition=definition,
        runs=with_panels(home, sampled, panels, stage),
        prompts=stage.prompts,
        sample=stage,
        judge=make_judge_stage(definition),
        warnings=(
            *(item.sentence for item in asked.waiting),
            *_unfinished(home, definition, judging, [run.spec.run_id for run in runs]),
        ),
        slurm=slurm,
        panels=panels,
        loaded=asked.loaded,
        only_judges=True,
        waiting=asked.waiting,
    )


def _unfinished(
    home: Home, definition: Definition, judging: Judging, run_ids: Sequence[str]
) -> list[str]:
    """Judges that failed in an earlier command and that this one does not ask."""
    names = [judge.name for judge in definition.model_judges]
    asked = names if judging.judges is None else judging.judges
    return [
        item.sentence
        for item, _ in unfinished_in(home, run_ids, names)
        if not set(item.judges) <= set(asked)
    ]


def _panels(
    home: Home, definition: Definition, judging: Judging, slurm: SlurmSettings | None
) -> Panels:
    if not definition.model_judges:
        raise UsageError(
            f"No judge of {definition.slug} is a model; its rules grade when it is sampled.",
            title="Nothing to ask",
            hint="docs/judges.md says how one is written under model_judges.",
        )
    asked = make_panels(home, definition, judging.judge_models, judging.judges, slurm)
    if asked.waiting and (judging.judges is not None or not asked.panels):
        first = asked.waiting[0]
        raise UsageError(f"{first.sentence}.", title="Judge without a model")
    if judging.budget is not None and len(asked.panels) > 1:
        models = ", ".join(panel.judges[0].model.name for panel in asked.panels)
        raise UsageError(
            f"--budget {judging.budget:g} is of one model, and these are asked: {models}.",
            title="Several models",
            hint="Give each its own command: --judge NAME --budget …",
        )
    if judging.budget is not None and not all(_priced(asked)):
        raise UsageError(
            f"--budget {judging.budget:g}: no endpoint that is asked has a price.",
            title="No price",
            hint="Write price_in and price_out, per million tokens, into its table of config.toml.",
        )
    return asked


def _priced(asked: Panels) -> list[bool]:
    endpoints = [panel.judges[0].model.endpoint for panel in asked.panels]
    return [
        item is not None and (item.price_in, item.price_out) != (None, None) for item in endpoints
    ]


def _chosen(home: Home, experiment: str, where: str) -> tuple[int, ...]:
    """The samples that a condition chooses.

    Raises:
        UsageError: it is no condition, or chooses none.
    """
    chosen = sql.query(home, chosen_by(where), limit=MOST_NAMED, parameters=[experiment])
    if not chosen.rows:
        raise UsageError(
            f"--where {where}: no sample of {experiment} is so.",
            title="Nothing to judge",
            hint="It is a condition over the view samples, as in: arm = 'old' and step = 120",
        )
    if chosen.truncated:
        raise UsageError(
            f"--where {where}: it chooses more than {MOST_NAMED:,} samples.",
            title="Too many",
            hint="Choose whole runs with --runs, or leave it out.",
        )
    return tuple(sorted(row[0] for row in chosen.rows))


def _specs(home: Home, experiment: str, names: Sequence[str] | None) -> list[RunSpec]:
    """The runs that are judged.

    Raises:
        UsageError: an unknown run, or another experiment's.
    """
    chosen = run_names(home) if names is None else [get_run(home, name).run_id for name in names]
    specs = [spec for run_id in chosen if (spec := read_spec(home, run_id)) is not None]
    if names is None:
        return [spec for spec in specs if spec.experiment == experiment]
    for spec in specs:
        if spec.experiment != experiment:
            raise UsageError(
                f"{spec.run_id} is not a run of {experiment}.",
                title="Another experiment's run",
                hint=f"wgen-tui run list --experiment {experiment}",
            )
    return specs


def _sampled(home: Home, spec: RunSpec) -> PlannedRun:
    """A run with what is drawn of it; nothing of it is to be drawn."""
    count = len(read_ids(home.run(spec.run_id).samples, "sample_id"))
    after = tuple(view.launch_id for view in pending_launches(home, spec.run_id))
    return PlannedRun(spec, _no_data, frozenset(), after, count, 0)


def _no_data() -> list[bytes]:
    raise UsageError("A run that was to be judged has been removed.", title="Run gone")
