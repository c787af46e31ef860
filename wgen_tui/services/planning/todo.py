"""What a planned run still lacks, compared with its files and with the launches under way."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import STAGES, JudgeStage, SampleStage, Stage
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files import inventory
from wgen_tui.run_files.manifests import checkpoints, final_checkpoint, refuse_other_versions
from wgen_tui.run_files.steps import steps_to_sample
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.run_state import is_pending_for
from wgen_tui.services.runs.runs import launches_of, read_spec


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run and what it lacks.

    Attributes:
        spec: The run; as on disk if it is there.
        data: What becomes data.jsonl: one example a line, the arm's context applied.
        todo: The stages that a new launch has to do.
        after: Launches under way that the first of them has to wait for.
        samples_total: How many draws are asked for.
        samples_missing: How many of them are not on disk.
    """

    spec: RunSpec
    data: bytes
    todo: frozenset[Stage]
    after: tuple[str, ...]
    samples_total: int
    samples_missing: int


def all_missing(
    home: Home, runs: Iterable[tuple[RunSpec, bytes]], sample: SampleStage, judge: JudgeStage
) -> tuple[PlannedRun, ...]:
    """Say what runs lack; those that are trained as one, and are not yet, lack it together.

    Raises:
        UsageError: a run is on disk in a form that this version cannot read.
    """
    found = [missing_stages(home, spec, data, sample, judge) for spec, data in runs]
    wanted = {
        mate
        for run in found
        if run.spec.task is not None and "train" in run.todo
        for mate in run.spec.task.runs
    }
    return tuple(
        # It may be under way in a launch in which a mate was cancelled: that one trains neither.
        replace(run, todo=_all_stages(sample)) if _wants_training(home, run, wanted) else run
        for run in found
    )


def _all_stages(sample: SampleStage) -> frozenset[Stage]:
    """What a run goes through that is not trained; what is only read is not graded."""
    return frozenset(STAGES) if sample.prompts else frozenset(STAGES) - {"judge"}


def _wants_training(home: Home, run: PlannedRun, wanted: Collection[str]) -> bool:
    name = run.spec.run_id
    return name in wanted and final_checkpoint(home.run(name)) is None


def missing_stages(
    home: Home, spec: RunSpec, data: bytes, sample: SampleStage, judge: JudgeStage
) -> PlannedRun:
    """Say what a run lacks.

    Raises:
        UsageError: the run is on disk in a form that this version cannot read.
    """
    run = home.run(spec.run_id)
    there = read_spec(home, spec.run_id)
    if there is None and run.spec.exists():
        raise UsageError(
            f"{run.spec} cannot be read; another version may have written it.",
            title="Unreadable run",
            hint=f"Upgrade wgen-tui, or remove the folder {run.root}.",
        )
    if there is not None:
        # Where the weights lie or are served, and whether their code may run, belongs to this
        # command; the rest, and the name under which results are listed, to the run.
        place = {
            "location": spec.model.location,
            "trust_remote_code": spec.model.trust_remote_code,
            "trust_pickle": spec.model.trust_pickle,
            "endpoint": spec.model.endpoint,
        }
        spec = there.model_copy(update={"model": there.model.model_copy(update=place)})
    refuse_other_versions(run)
    kept = checkpoints(run)
    steps = steps_to_sample(kept, sample, spec.training, spec.trained_rows)
    total = len(steps) * sum(sample.draws(prompt) for prompt in sample.prompts)
    missing = inventory.missing_samples(spec.run_id, run, steps, sample)
    todo: set[Stage] = set()
    if spec.training is not None and not any(item.final for item in kept.values()):
        todo |= _all_stages(sample)
    elif missing:
        todo |= {"sample", "judge"}
    else:
        if spec.model.endpoint is None and inventory.missing_readings(
            spec.run_id, run, steps, sample
        ):
            todo.add("sample")
        if inventory.missing_grades(run, judge):
            todo.add("judge")
    under_way = _under_way(home, spec.run_id)
    covered = {
        view.spec.stage
        for view in under_way
        if view.spec.sample in (None, sample) and view.spec.judge in (None, judge)
    }
    for stage in STAGES:
        if stage in todo:
            if stage not in covered:
                break  # what comes after a new launch has to be done anew as well
            todo.remove(stage)
    after = tuple(view.launch_id for view in under_way)
    return PlannedRun(spec, data, frozenset(todo), after, total, missing)


def _under_way(home: Home, run_id: str) -> list[LaunchView]:
    """The launches that do, or are going to do, something for a run."""
    launches = Launches(home)
    own = launches.refresh(launches_of(home, run_id))
    every = launches.with_predecessors(own)
    return [view for view in own.values() if is_pending_for(view, run_id, every)]
