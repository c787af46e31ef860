"""All stages of an experiment in this process: no supervisor, no worker's start."""

from __future__ import annotations

from wgen_tui.paths import Home
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.workers.judge.stage import judge as grade_by_rules
from wgen_tui.workers.model_judge.stage import judge as ask_judges
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.stage import sample
from wgen_tui.workers.train.stage import train


def run_all(home: Home, slug: str, models: dict[str, str]) -> None:
    """Train a step of every arm, sample and judge, in this process, with the workers' own code."""
    options = Options(seeds="0", n=1, judge_models=models)
    plan = make_plan(home, slug, options)
    assert plan.waiting == ()
    for spec in commit(home, plan):
        worker = Worker(home, spec, home.launch(spec.launch_id))
        if spec.stage == "train":
            train(worker)
        elif spec.stage == "sample":
            sample(worker)
        elif spec.judge is not None and spec.judge.panel is not None:
            ask_judges(worker)
        else:
            grade_by_rules(worker)
        assert {end.outcome for end in worker.outcomes.values()} == {"finished"}, name_of(worker)
    assert make_plan(home, slug, options).empty


def name_of(worker: Worker) -> str:
    return "; ".join(f"{name}: {end}" for name, end in worker.outcomes.items())
