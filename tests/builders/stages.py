"""All stages of an experiment in this process: no supervisor, no worker's start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.workers.judge.stage import judge as grade_by_rules
from wgen_tui.workers.model_judge.stage import judge as ask_judges
from wgen_tui.workers.runtime import Worker, work_to_the_end
from wgen_tui.workers.sample.stage import sample
from wgen_tui.workers.train.stage import train


def work_of(spec: LaunchSpec) -> Callable[[Worker], None]:
    """What a launch's worker does."""
    if spec.stage == "train":
        return train
    if spec.stage == "sample":
        return sample
    return grade_by_rules if spec.judge is None or spec.judge.panel is None else ask_judges


def work(home: Home, spec: LaunchSpec) -> Worker:
    """Be a launch's worker: what it leaves on disk is what a process of its own leaves."""
    worker = Worker(home, spec, home.launch(spec.launch_id))
    work_to_the_end(worker, work_of(spec))
    return worker


def start(home: Home, slug: str, **options: Any) -> Plan:
    """Plan, commit and do all that is to do; how each run ends is for the caller to look at."""
    plan = make_plan(home, slug, Options(**options))
    for spec in commit(home, plan):
        work(home, spec)
    return plan


def run_all(home: Home, slug: str, models: dict[str, str]) -> None:
    """Train a step of every arm, sample and judge, in this process, with the workers' own code."""
    options = Options(seeds="0", n=1, judge_models=models)
    plan = make_plan(home, slug, options)
    assert plan.waiting == ()
    for spec in commit(home, plan):
        worker = work(home, spec)
        assert {end.outcome for end in worker.outcomes.values()} == {"finished"}, name_of(worker)
    assert make_plan(home, slug, options).empty


def name_of(worker: Worker) -> str:
    return "; ".join(f"{name}: {end}" for name, end in worker.outcomes.items())
