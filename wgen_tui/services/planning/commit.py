"""Commit a plan: write its run folders and chained launches, all of them or none.

Promises: two commands that commit the same plan at once write its launches once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from wgen_tui.paths import Home
from wgen_tui.protocol.launches import STAGES, JudgeStage, LaunchSpec, new_launch_id
from wgen_tui.protocol.queue import Notice, SlurmSettings
from wgen_tui.protocol.record import now
from wgen_tui.services.judges.asked_before import keep_asked
from wgen_tui.services.planning.todo import PlannedRun, all_missing, with_panels
from wgen_tui.services.runs.queue import queue_lock
from wgen_tui.services.runs.writer import write_atomically

if TYPE_CHECKING:
    from wgen_tui.services.planning.plan import Plan


def commit(home: Home, plan: Plan) -> tuple[LaunchSpec, ...]:
    """Write the runs and launches that do what is missing.

    Returns:
        The launches, in order; empty if there is nothing (left) to do.

    Raises:
        UsageError: the home cannot be written or is full; nothing of the plan was kept.
    """
    if plan.empty:
        return ()
    home.ensure()
    with queue_lock(home):
        # Another command may have committed since the plan was made.
        if plan.only_judges:
            missing = with_panels(home, plan.runs, plan.panels, plan.sample)
        else:
            planned = ((run.spec, run.data) for run in plan.runs)
            missing = all_missing(home, planned, plan.sample, plan.judge, plan.panels)
        runs = [run for run in missing if not run.idle]
        launches = _make_launches(plan, runs)
        write_atomically(home, [(run.spec, run.data) for run in runs], launches)
        if plan.panels:
            keep_asked(home)
    return tuple(launches)


def launches_for(plan: Plan) -> tuple[LaunchSpec, ...]:
    """The launches that a commit would write now; each commit draws new ids."""
    return tuple(_make_launches(plan, [run for run in plan.runs if not run.idle]))


def _make_launches(plan: Plan, runs: Sequence[PlannedRun]) -> list[LaunchSpec]:
    """Chain train, sample and judge for each model, so that its base is loaded once a stage."""
    by_model: dict[tuple[str, str | None], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        model = run.spec.model
        by_model[model.location, model.endpoint.base_url if model.endpoint else None].append(run)
    created_at = now()
    launches: list[LaunchSpec] = []
    for (_, url), group in by_model.items():
        # A served model needs no node, and one process keeps its server busy.
        slurm = None if url is not None else plan.slurm
        parts = [
            part
            for stage in _stages_of_training(group)
            for part in ([stage] if slurm is None else _split_runs(stage, slurm.runs_per_launch))
        ]
        for number, part in enumerate(parts):
            # The number keeps an array in the order of the runs.
            mark = f"{number:04d}-" if len(parts) > 1 else ""
            trained = {
                run_id: launch.launch_id
                for launch in launches
                if launch.stage == "train"
                for run_id in launch.run_ids
            }
            launches += _chain(plan, part, created_at, mark, url is not None, slurm, trained)
    launches += _ask(plan, runs, created_at, launches)
    if launches and plan.notify:
        everyone = tuple(run.spec.run_id for run in runs)
        notice = Notice(command=plan.notify, runs=everyone)
        launches[-1] = launches[-1].model_copy(update={"notify": notice})
    return launches


def _stages_of_training(runs: Sequence[PlannedRun]) -> list[list[PlannedRun]]:
    """Runs that need others which are trained here, behind these; else all together."""
    waiting = {run.spec.run_id: run for run in runs if "train" in run.todo}
    left, stages = list(runs), []
    while left:
        behind = [run for run in left if waiting.keys() & set(run.spec.needs)]
        stages.append([run for run in left if run not in behind])
        for run in stages[-1]:
            waiting.pop(run.spec.run_id, None)
        left = behind
    return stages


def _split_runs(runs: Sequence[PlannedRun], limit: int) -> list[list[PlannedRun]]:
    """Cut runs into launches of at most `most`; those trained jointly stay together."""
    groups: dict[tuple[str, ...], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        groups[run.spec.task.runs if run.spec.task else (run.spec.run_id,)].append(run)
    parts: list[list[PlannedRun]] = []
    for group in groups.values():
        if parts and len(parts[-1]) + len(group) <= limit:
            parts[-1] += group
        else:
            parts.append(list(group))
    return parts


def _chain(
    plan: Plan,
    runs: Sequence[PlannedRun],
    created_at: datetime,
    mark: str,
    served: bool,
    slurm: SlurmSettings | None,
    trained: Mapping[str, str],
) -> list[LaunchSpec]:
    """The launches of some runs, each after the one before.

    `trained` has the launch that trains each run which others need.
    """
    launches: list[LaunchSpec] = []
    parents = {name for run in runs for name in run.spec.needs}
    previous = tuple(sorted({trained[name] for name in parents if name in trained}))
    for number, stage in enumerate(STAGES):
        serves = [run for run in runs if stage in run.todo]
        if not serves:
            continue
        pending = {name for run in serves for name in run.after}
        launch = LaunchSpec(
            launch_id=new_launch_id(created_at, number, stage, mark),
            experiment=plan.definition.slug,
            stage=stage,
            run_ids=tuple(run.spec.run_id for run in serves),
            after=(*sorted(pending), *previous),
            created_at=created_at,
            sample=plan.sample if stage == "sample" else None,
            during=plan.during if stage == "train" else None,
            judge=plan.judge if stage == "judge" else None,
            # Only training is spread over processes.
            accelerate=plan.definition.accelerate.settings() if stage == "train" else {},
            served=stage == "sample" and served,
            # Rules need no model and take seconds: not worth a wait for a node.
            slurm=None if stage == "judge" else slurm,
        )
        launches.append(launch)
        previous = (launch.launch_id,)
    return launches


def _ask(
    plan: Plan, runs: Sequence[PlannedRun], created_at: datetime, before: Sequence[LaunchSpec]
) -> list[LaunchSpec]:
    """A launch for each panel, over all runs that lack its verdicts: its model is loaded once."""
    launches = []
    for place, panel in enumerate(plan.panels):
        judged = [run for run in runs if place in run.panels]
        if not judged:
            continue
        if panel.limit is not None:  # which samples a pilot takes depends on all of its runs
            judged = [run for run in plan.runs if not run.spec.sorts_rows]
        ids = {run.spec.run_id for run in judged}
        last = {run_id: launch.launch_id for launch in before for run_id in launch.run_ids}
        pending = {name for run in judged for name in run.after}
        served = panel.judges[0].model.endpoint is not None
        launches.append(
            LaunchSpec(
                launch_id=new_launch_id(created_at, len(STAGES), "judge", f"{place:02d}-"),
                experiment=plan.definition.slug,
                stage="judge",
                run_ids=tuple(run.spec.run_id for run in judged),
                after=(*sorted(pending), *sorted({last[name] for name in ids if name in last})),
                created_at=created_at,
                judge=JudgeStage(judges=(), panel=panel),
                served=served,
                slurm=None if served else plan.slurm,
            )
        )
    return launches
