"""Commit a plan: run folders and chained launches, all of them or none.

Promises: two commands that commit the same plan at once make its launches once.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from wgen_tui.paths import Home
from wgen_tui.protocol.launches import STAGES, LaunchSpec
from wgen_tui.protocol.queue import Notice, SlurmSettings
from wgen_tui.protocol.record import now
from wgen_tui.services.planning.todo import PlannedRun, all_missing
from wgen_tui.services.runs.queue import queue_lock
from wgen_tui.services.runs.writer import write_atomically

if TYPE_CHECKING:
    from wgen_tui.services.planning.plan import Plan


def commit(home: Home, plan: Plan) -> tuple[LaunchSpec, ...]:
    """Write the runs and launches that do what a plan found missing.

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
        again = ((run.spec, run.data) for run in plan.runs)
        runs = [run for run in all_missing(home, again, plan.sample, plan.judge) if run.todo]
        launches = _launches(plan, runs)
        write_atomically(home, [(run.spec, run.data) for run in runs], launches)
    return tuple(launches)


def launches_for(plan: Plan) -> tuple[LaunchSpec, ...]:
    """The launches that a commit would write now; each commit gives them ids of its own."""
    return tuple(_launches(plan, [run for run in plan.runs if run.todo]))


def _launches(plan: Plan, runs: Sequence[PlannedRun]) -> list[LaunchSpec]:
    """Chain train, sample and judge for each model: imports and the base are paid once each."""
    by_model: dict[tuple[str, str | None], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        model = run.spec.model
        by_model[model.location, model.endpoint.base_url if model.endpoint else None].append(run)
    moment = now()
    made: list[LaunchSpec] = []
    for (_, url), group in by_model.items():
        # A server is not on the cluster, and answers as many as one process asks.
        slurm = None if url is not None else plan.slurm
        parts = [group] if slurm is None else _parts(group, slurm.runs_per_launch)
        for number, part in enumerate(parts):
            # The number keeps an array in the order of the runs.
            mark = f"{number:04d}-" if len(parts) > 1 else ""
            made += _chain(plan, part, moment, mark, url is not None, slurm)
    if made and plan.notify:
        everyone = tuple(run.spec.run_id for run in runs)
        notice = Notice(command=plan.notify, runs=everyone)
        made[-1] = made[-1].model_copy(update={"notify": notice})
    return made


def _parts(runs: Sequence[PlannedRun], most: int) -> list[list[PlannedRun]]:
    """Cut runs into launches of at most `most`; those that are trained as one stay together."""
    together: dict[tuple[str, ...], list[PlannedRun]] = defaultdict(list)
    for run in runs:
        together[run.spec.task.runs if run.spec.task else (run.spec.run_id,)].append(run)
    parts: list[list[PlannedRun]] = []
    for group in together.values():
        if parts and len(parts[-1]) + len(group) <= most:
            parts[-1] += group
        else:
            parts.append(list(group))
    return parts


def _chain(
    plan: Plan,
    runs: Sequence[PlannedRun],
    moment: datetime,
    mark: str,
    served: bool,
    slurm: SlurmSettings | None,
) -> list[LaunchSpec]:
    """The launches of some runs, each after the one before."""
    made: list[LaunchSpec] = []
    before: tuple[str, ...] = ()
    for number, stage in enumerate(STAGES):
        serves = [run for run in runs if stage in run.todo]
        if not serves:
            continue
        waits = {name for run in serves for name in run.after}
        launch = LaunchSpec(
            # The stage's number keeps launches of one moment in order; hence names sort.
            launch_id=f"{moment:%Y%m%d-%H%M%S}-{number}{stage}-{mark}{secrets.token_hex(2)}",
            experiment=plan.definition.slug,
            stage=stage,
            run_ids=tuple(run.spec.run_id for run in serves),
            after=(*sorted(waits), *before),
            created_at=moment,
            sample=plan.sample if stage == "sample" else None,
            during=plan.during if stage == "train" else None,
            judge=plan.judge if stage == "judge" else None,
            # One process samples; only training is spread.
            accelerate=plan.definition.accelerate.settings() if stage == "train" else {},
            served=stage == "sample" and served,
            # Rules need no model and take seconds: no wait for a node, and for its GPU.
            slurm=None if stage == "judge" else slurm,
        )
        made.append(launch)
        before = (launch.launch_id,)
    return made
