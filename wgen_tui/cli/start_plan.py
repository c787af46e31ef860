"""What `run start` and `sample top-up` print as JSON: the plan, or what was started of it.

Promises: nothing is written; a launch that is only planned is called `planned-N` wherever its id
would stand, and what it waits for stands before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wgen_tui.cli.progress import clock
from wgen_tui.cli.shapes.runs import (
    Backend,
    Planned,
    PlannedJudges,
    PlannedLaunch,
    PlannedRun,
    Started,
    StartedLaunch,
    StartedRun,
    WaitingJudges,
)
from wgen_tui.protocol.launches import STAGES
from wgen_tui.services.estimate.judge_outlook import outlook
from wgen_tui.services.judges.asked_before import AskedBefore
from wgen_tui.services.planning.commit import launches_for
from wgen_tui.services.planning.run_specs import package_versions
from wgen_tui.services.runs.process import argv, needs_model
from wgen_tui.services.runs.runs import RunList
from wgen_tui.services.supervisor import lifecycle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wgen_tui.paths import Home
    from wgen_tui.protocol.launches import LaunchSpec
    from wgen_tui.services.planning.plan import Plan


def planned_runs(plan: Plan) -> list[PlannedRun]:
    """The runs of a plan, with what is missing of each."""
    return [
        PlannedRun(
            id=run.spec.run_id,
            model=run.spec.model.name,
            arm=run.spec.arm,
            seed=run.spec.seeds.seed,
            examples=run.spec.data_rows,
            todo=[
                stage for stage in STAGES if stage in run.todo or (stage == "judge" and run.panels)
            ],
            samples_total=run.samples_total,
            samples_missing=run.samples_missing,
        )
        for run in plan.runs
    ]


def planned_judges(home: Home, plan: Plan) -> list[PlannedJudges]:
    """Who judges what is missing, a line for each model that is asked."""
    before = AskedBefore(home) if plan.panels else None
    planned_of = []
    for place, panel in enumerate(plan.panels):
        if before is None or not any(place in run.panels for run in plan.runs):
            continue
        number = sum(run.panels.get(place, 0) for run in plan.runs)
        seen = outlook(home, before, panel, number, plan.sample.longest_answer)
        planned_of.append(
            PlannedJudges(
                judges=[item.judge.name for item in panel.judges],
                model=panel.judges[0].model.name,
                named=panel.judges[0].judge.model,
                loads_model=panel.judges[0].model.endpoint is None,
                verdicts=number,
                cost=seen.most,
                cost_assumes=seen.assumes,
                cost_measured=seen.cost,
                prompt_tokens={name: told.prompt for name, told in seen.lengths.items()},
                reply_tokens={name: told.reply for name, told in seen.lengths.items()},
                seconds=seen.seconds,
                rate=seen.rate,
                rate_of=seen.measured_by,
                loaded=plan.loaded[place] if plan.loaded else "",
            )
        )
    return planned_of


def told(asked: PlannedJudges) -> str:
    """The same in words: how many verdicts, by whom, how long, for how much."""
    where = f" in {asked.loaded}" if asked.loads_model else " (served)"
    words = [
        f"{', '.join(asked.judges)}: about {asked.verdicts:,} verdicts by {asked.model}{where}"
    ]
    if asked.seconds is None:
        words.append("time unknown, since nothing was judged so yet (--limit 20 is a pilot)")
    else:
        words.append(
            f"about {clock(asked.seconds)} ({asked.rate:.3g} a second, as {asked.rate_of} had)"
        )
    if asked.cost_measured is not None:
        words.append(f"cost about {asked.cost_measured:.3g} (replies as long as so far)")
    if asked.cost is not None:
        words.append(f"cost at most {asked.cost:.3g} ({asked.cost_assumes})")
    return ", ".join(words)


def planned(home: Home, plan: Plan) -> Planned:
    """A plan that is not committed: what another scheduler needs."""
    launches = launches_for(plan)
    names = {item.launch_id: f"planned-{number}" for number, item in enumerate(launches)}
    slurm = plan.slurm
    runs = planned_runs(plan)
    return Planned(
        experiment=plan.definition.slug,
        home=home.root,
        backend=Backend(
            name="local" if slurm is None else "slurm",
            slurm=None if slurm is None else slurm.model_dump(mode="json"),
        ),
        versions=package_versions(),
        samples_total=sum(run.samples_total for run in runs),
        samples_missing=sum(run.samples_missing for run in runs),
        disk_mb=plan.disk_mb,
        launches=[_launch(home, plan, item, names) for item in launches],
        runs=runs,
        notes=list(plan.notes),
        judges=planned_judges(home, plan),
        waiting_judges=[
            WaitingJudges(judges=list(item.judges), model=item.model, why=item.why)
            for item in plan.waiting
        ],
    )


def _launch(home: Home, plan: Plan, spec: LaunchSpec, names: dict[str, str]) -> PlannedLaunch:
    """One launch, under its name in this plan."""
    name = names[spec.launch_id]
    runs = [run for run in plan.runs if run.spec.run_id in spec.run_ids]
    missing = sum(run.samples_missing for run in runs) if spec.stage == "sample" else 0
    return PlannedLaunch(
        id=name,
        stage=spec.stage,
        model=_model(spec) or runs[0].spec.model.name,
        runs=list(spec.run_ids),
        after=[names.get(other, other) for other in spec.after],
        loads_model=needs_model(spec),
        processes=spec.accelerate.get("num_processes", 1),
        samples=missing,
        argv=argv(home, spec.model_copy(update={"launch_id": name})),
    )


def _model(spec: LaunchSpec) -> str | None:
    """The model that a launch asks to judge."""
    panel = None if spec.judge is None else spec.judge.panel
    return None if panel is None else panel.judges[0].model.name


def started(home: Home, plan: Plan, launches: Sequence[LaunchSpec]) -> Started:
    """A plan that has been committed, with its runs as they are now."""
    runs = planned_runs(plan)
    states = {run.run_id: run for run in RunList(home).refresh(run_ids=[run.id for run in runs])}
    return Started(
        experiment=plan.definition.slug,
        supervisor=lifecycle.supervisor_pid(home),
        launches=[StartedLaunch.model_validate(item) for item in launches],
        runs=[
            StartedRun(**dict(run), state=states[run.id].state, why=states[run.id].why)
            for run in runs
        ],
    )
