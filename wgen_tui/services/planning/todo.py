"""What a planned run still lacks, compared with its files and with the pending launches.

Promises: reads only; whatever a pending launch does already is not planned again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.judging import Panel
from wgen_tui.protocol.launches import STAGES, JudgeStage, SampleStage, Stage
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files import inventory
from wgen_tui.run_files.manifests import checkpoints, final_checkpoint, refuse_other_versions
from wgen_tui.run_files.parents import parent_checkpoint
from wgen_tui.run_files.steps import kept_steps, steps_to_sample
from wgen_tui.run_files.verdicts import missing_of_panels
from wgen_tui.services.experiments.arm_examples import RunData
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.run_state import is_pending_for
from wgen_tui.services.runs.runs import launches_of, read_spec


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run and what it lacks.

    Attributes:
        spec: The run; as on disk if it exists.
        data: Gives what becomes data.jsonl: one example a line, the arm's context applied.
        todo: The stages that a new launch has to do.
        after: Pending launches that the first new one has to wait for.
        samples_total: How many draws are asked for.
        samples_missing: How many of them are not on disk.
        rows_missing: How many held-out rows lack a checkpoint's loss, over all checkpoints.
        panels: The panels that a new launch has to ask, by their place in the plan's list, and how
            many verdicts each lacks; of samples that are yet to be drawn, about.
    """

    spec: RunSpec
    data: RunData
    todo: frozenset[Stage]
    after: tuple[str, ...]
    samples_total: int
    samples_missing: int
    rows_missing: int = 0
    panels: Mapping[int, int] = field(default_factory=dict)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.todo or self.panels)


def all_missing(
    home: Home,
    runs: Iterable[tuple[RunSpec, RunData]],
    sample: SampleStage,
    judge: JudgeStage,
    panels: Sequence[Panel] = (),
) -> tuple[PlannedRun, ...]:
    """Say what runs lack; runs that are trained jointly lack their training jointly.

    Raises:
        UsageError: a run is on disk in a form that this version cannot read.
    """
    planned = [missing_stages(home, spec, data, sample, judge) for spec, data in runs]
    retrained = {
        run_id
        for run in planned
        if run.spec.task is not None and "train" in run.todo
        for run_id in run.spec.task.runs
    }
    return with_panels(
        home,
        [
            # A pending launch in which one of the joint runs was cancelled trains none of them.
            replace(run, todo=_all_stages(sample)) if _lacks_training(home, run, retrained) else run
            for run in planned
        ],
        panels,
        sample,
    )


def with_panels(
    home: Home, runs: Sequence[PlannedRun], panels: Sequence[Panel], sample: SampleStage
) -> tuple[PlannedRun, ...]:
    """Say which panels runs lack verdicts of: all of them, where samples are yet to be drawn."""
    if not panels:
        return tuple(runs)
    names = [run.spec.run_id for run in runs]
    lacks = missing_of_panels(home, names, panels)
    each = [_verdicts_of_a_draw(panel, sample) for panel in panels]
    return tuple(replace(run, panels=_asked(home, run, panels, lacks, each)) for run in runs)


def _asked(
    home: Home,
    run: PlannedRun,
    panels: Sequence[Panel],
    lacks: Sequence[dict[str, int]],
    each: Sequence[float],
) -> dict[int, int]:
    name = run.spec.run_id
    if run.spec.sorts_rows:
        return {}
    to_draw = run.samples_missing if {"train", "sample"} & run.todo else 0
    # Samples that a pending launch draws are judged by no launch that is planned already, unless by
    # the same panel.
    pending = pending_launches(home, name)
    asked = [view.spec.judge.panel for view in pending if view.spec.judge is not None]
    comes = bool(to_draw) or any(view.spec.stage != "judge" for view in pending)
    return {
        place: lacks[place][name] + round(to_draw * each[place])
        for place, panel in enumerate(panels)
        if (to_draw or not any(_covers(other, panel) for other in asked))
        and (comes or lacks[place][name])
    }


def _covers(pending: Panel | None, panel: Panel) -> bool:
    """Whether a pending panel gives every verdict of another: the same, or one without limits."""
    if pending is None:
        return False
    whole = (pending.samples, pending.limit, pending.budget) == (None, None, None)
    same = pending.model_copy(update={"paid_from": None}) == panel
    return same or (
        whole and pending.prompts == panel.prompts and _judges_of(panel) <= _judges_of(pending)
    )


def _judges_of(panel: Panel) -> set[tuple[str, str, tuple[str, ...]]]:
    """Which judges a panel asks about what."""
    return {(item.judge.name, item.rubric, item.questions) for item in panel.judges}


def _verdicts_of_a_draw(panel: Panel, sample: SampleStage) -> float:
    """How many verdicts a panel gives of a draw, on average over a stage's prompts."""
    draws = [(prompt.question, sample.draws(prompt)) for prompt in sample.prompts]
    verdicts = sum(
        number * len(asked.judge.wordings) * asked.judge.repeat
        for asked in panel.judges
        for question, number in draws
        if question in asked.questions
    )
    return verdicts / max(1, sum(number for _, number in draws))


def untrained_arms(home: Home, runs: Iterable[tuple[RunSpec, RunData]]) -> set[str]:
    """The arms of which a run has no final checkpoint."""
    return {
        spec.arm
        for spec, _ in runs
        if spec.training is not None
        and not any(
            item.final for item in checkpoints(home.run(spec.run_id), skip_refused=True).values()
        )
    }


def _all_stages(sample: SampleStage) -> frozenset[Stage]:
    """The stages of an untrained run; without completions there is nothing to judge."""
    return frozenset(STAGES) if sample.prompts else frozenset(STAGES) - {"judge"}


def _lacks_training(home: Home, run: PlannedRun, retrained: Collection[str]) -> bool:
    name = run.spec.run_id
    return name in retrained and final_checkpoint(home.run(name)) is None


def missing_stages(
    home: Home, spec: RunSpec, data: RunData, sample: SampleStage, judge: JudgeStage
) -> PlannedRun:
    """Compare a run with its files, and say what it lacks.

    Raises:
        UsageError: the run is on disk in a form that this version cannot read.
    """
    run = home.run(spec.run_id)
    spec = _stored_spec(home, spec)
    refuse_other_versions(run)
    kept = checkpoints(run)
    steps = steps_to_sample(kept, sample, spec.training, spec.trained_rows)
    if spec.sorts_rows:
        sample = SampleStage(prompts=(), sampling=sample.sampling)
    total = len(steps) * sum(sample.draws(prompt) for prompt in sample.prompts)
    missing = inventory.missing_samples(spec.run_id, run, steps, sample)
    measured = kept_steps(kept, spec.training, spec.trained_rows)
    local = spec.model.endpoint is None
    rows = inventory.missing_held_out(spec, run, measured, sample) if local else 0
    todo: set[Stage] = set()
    if spec.training is not None and not any(item.final for item in kept.values()):
        todo |= {"train"} if spec.sorts_rows else _all_stages(sample)
    elif spec.sorts_rows:
        pass
    elif missing:
        todo |= {"sample", "judge"}
    else:
        if rows or (local and inventory.missing_readings(spec.run_id, run, steps, sample)):
            todo.add("sample")
        if inventory.missing_grades(run, judge):
            todo.add("judge")
    pending = pending_launches(home, spec.run_id)
    todo -= _covered_stages(todo, pending, sample, judge)
    after = tuple(view.launch_id for view in pending)
    for parent in spec.parents:
        if parent_checkpoint(home, parent) is None:
            of_parent = pending_launches(home, parent.run_id)
            after += tuple(view.launch_id for view in of_parent if view.spec.stage == "train")
    teacher = None if spec.derived is None else spec.derived.teacher_run
    if teacher is not None and final_checkpoint(home.run(teacher)) is None:
        of_teacher = pending_launches(home, teacher)
        after += tuple(view.launch_id for view in of_teacher if view.spec.stage == "train")
    return PlannedRun(spec, data, frozenset(todo), after, total, missing, rows)


def _stored_spec(home: Home, spec: RunSpec) -> RunSpec:
    """A run's spec as it is on disk, with what belongs to this command.

    Raises:
        UsageError: it exists and cannot be read.
    """
    run = home.run(spec.run_id)
    stored = read_spec(home, spec.run_id)
    if stored is None and run.spec.exists():
        raise UsageError(
            f"{run.spec} cannot be read; another version may have written it.",
            title="Unreadable run",
            hint=f"Upgrade wgen-tui, or remove the folder {run.root}.",
        )
    if stored is None:
        return spec
    # Where the weights are or are served, and whether their code may run, belongs to this command;
    # the rest, and the name under which results are listed, to the run.
    place = {
        "location": spec.model.location,
        "in_home": spec.model.in_home,
        "trust_remote_code": spec.model.trust_remote_code,
        "trust_pickle": spec.model.trust_pickle,
        "endpoint": spec.model.endpoint,
    }
    return stored.model_copy(update={"model": stored.model.model_copy(update=place)})


def _covered_stages(
    todo: Collection[Stage], pending: Sequence[LaunchView], sample: SampleStage, judge: JudgeStage
) -> set[Stage]:
    """The stages that pending launches do already: up to the first that needs a new launch."""
    done_by_pending = {
        view.spec.stage
        for view in pending
        if view.spec.sample in (None, sample) and view.spec.judge in (None, judge)
    }
    covered: set[Stage] = set()
    for stage in STAGES:
        if stage in todo:
            if stage not in done_by_pending:
                break  # what comes after a new launch has to be repeated as well
            covered.add(stage)
    return covered


def pending_launches(home: Home, run_id: str) -> list[LaunchView]:
    """The launches that are running or queued for a run."""
    launches = Launches(home)
    own = launches.refresh(launches_of(home, run_id))
    every = launches.with_predecessors(own)
    return [view for view in own.values() if is_pending_for(view, run_id, every)]
