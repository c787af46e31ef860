"""Judges that are models in a plan: a launch for each model, for what has no verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from tests.builders.home import write_done
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import Outcome, RunOutcome
from wgen_tui.services.control.restart import restart_runs
from wgen_tui.services.estimate.estimate import estimate
from wgen_tui.services.estimate.judging import SPELLED, cost_of, prompt_tokens
from wgen_tui.services.planning.commit import commit, launches_for
from wgen_tui.services.planning.judge_again import Judging, plan_judging
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.planning.todo import with_panels
from wgen_tui.services.runs.process import argv, needs_model
from wgen_tui.services.runs.runs import RunList

JUDGES = """
model_judges:
  - {name: aligned, type: rating_judge, model: gpt-4.1, prompt: "{question} {answer}"}
  - {name: era, model: judge, prompt: "{answer}", labels: {old: [OLD], new: [NEW]}}
"""
SERVER = '[endpoints.box]\nbase_url = "http://localhost:1/v1"\n[judges]\n"gpt-4.1" = "box:a"\n'


@pytest.fixture
def experiment(home: Home, tmp_path: Path) -> str:
    model = make_model(tmp_path / "model")
    folder = write_definition(tmp_path / "names", model)
    path = folder / "experiment.yaml"
    path.write_text(path.read_text() + JUDGES)
    home.ensure().config.write_text(SERVER + f'judge = "{model}"\n')
    return str(folder)


def test_a_launch_for_each_model_that_is_asked(home: Home, experiment: str) -> None:
    launches = commit(home, make_plan(home, experiment))
    assert [launch.stage for launch in launches] == ["train", "sample", "judge", "judge", "judge"]
    rules, served, local = launches[2:]
    assert rules.judge is not None and rules.judge.panel is None
    assert served.served and not needs_model(served)
    assert argv(home, served)[2] == "wgen_tui.workers.model_judge.served"
    assert needs_model(local) and "wgen_tui.workers.model_judge" in argv(home, local)
    for launch, names in ((served, ["aligned"]), (local, ["era"])):
        assert launch.judge is not None and launch.judge.panel is not None
        assert launch.judge.judges == ()
        assert [item.judge.name for item in launch.judge.panel.judges] == names
        assert launch.after == (rules.launch_id,)
        assert set(launch.run_ids) == set(rules.run_ids)
    assert sorted(launch.launch_id for launch in launches) == [item.launch_id for item in launches]


def test_what_is_queued_is_not_planned_again(home: Home, experiment: str) -> None:
    commit(home, make_plan(home, experiment))
    assert make_plan(home, experiment).empty


def test_a_judge_that_is_mapped_later_is_planned_alone(home: Home, experiment: str) -> None:
    config = home.config.read_text()
    home.config.write_text(config.replace('"gpt-4.1" = "box:a"\n', ""))
    first = make_plan(home, experiment)
    assert [item.judges for item in first.waiting] == [("aligned",)]
    assert any("aligned waits" in warning for warning in first.warnings)
    commit(home, first)
    mapped = make_plan(home, experiment, Options(judge_models={"gpt-4.1": "box:a"}))
    assert not any(run.todo for run in mapped.runs)
    (launch,) = launches_for(mapped)
    assert launch.judge is not None and launch.judge.panel is not None
    assert [item.judge.name for item in launch.judge.panel.judges] == ["aligned"]
    assert len(launch.after) == 4  # all that is queued for these runs


def test_a_retry_asks_again_what_failed_and_no_other_judge(home: Home, experiment: str) -> None:
    *before, served, local = commit(home, make_plan(home, experiment))
    for launch in [*before, local]:
        ends = {name: RunOutcome(outcome="finished") for name in launch.run_ids}
        write_done(home.launch(launch.launch_id), ends)
    ends = {name: RunOutcome(outcome="failed", title="No key") for name in served.run_ids}
    write_done(home.launch(served.launch_id), ends, "failed")
    again = restart_runs(home, [served.run_ids[1]])
    asked = [item.judge.panel for item in again if item.judge is not None]
    assert [item.stage for item in again] == ["judge", "judge"]
    assert served.judge is not None and asked[0] == served.judge.panel
    assert {item.run_ids for item in again} == {(served.run_ids[1],)}


def test_what_a_judge_takes_is_of_its_own_model(home: Home, experiment: str) -> None:
    *_, served, local = commit(home, make_plan(home, experiment))
    assert estimate(home, served).memory_mb == 0
    assert estimate(home, local).parts["weights"] >= 1
    plan = make_plan(home, experiment)
    assert [cost_of(panel, 10, 4) for panel in plan.panels] == [None, None]
    priced = SERVER.replace('/v1"\n', '/v1"\nprice_in = 2.0\nprice_out = 8.0\n')
    home.config.write_text(priced)
    (panel, *_) = make_plan(home, experiment).panels
    (asked,) = panel.judges
    tokens = prompt_tokens(panel, asked, 4)
    assert cost_of(panel, 1_000_000, 4) == pytest.approx(2.0 * tokens + 8.0 * SPELLED)


@pytest.mark.parametrize(("first", "second"), [("failed", "finished"), ("finished", "failed")])
def test_a_judge_that_failed_is_not_hidden_by_one_that_finished(
    home: Home, experiment: str, first: Outcome, second: Outcome
) -> None:
    *before, served, local = commit(home, make_plan(home, experiment))
    ends = [(item, "finished") for item in before] + [(served, first), (local, second)]
    for launch, end in ends:
        runs = {name: RunOutcome(outcome=end, title="Why") for name in launch.run_ids}
        write_done(home.launch(launch.launch_id), runs, end)
    states = {run.state for run in RunList(home).refresh(run_ids=list(served.run_ids))}
    assert states == {"failed"}


def test_a_judge_that_waits_is_not_hidden_by_one_that_finished(home: Home, experiment: str) -> None:
    *before, served, local = commit(home, make_plan(home, experiment))
    for launch in [*before, local]:
        runs = {name: RunOutcome(outcome="finished") for name in launch.run_ids}
        write_done(home.launch(launch.launch_id), runs)
    states = {run.state for run in RunList(home).refresh(run_ids=list(served.run_ids))}
    assert states == {"queued"}


def test_judges_that_are_tried_again_wait_for_no_other_judge(home: Home, experiment: str) -> None:
    *before, served, local = commit(home, make_plan(home, experiment))
    for launch in before:
        runs = {name: RunOutcome(outcome="finished") for name in launch.run_ids}
        write_done(home.launch(launch.launch_id), runs)
    for launch in (served, local):
        runs = {name: RunOutcome(outcome="failed", title="Why") for name in launch.run_ids}
        write_done(home.launch(launch.launch_id), runs, "failed")
    again = restart_runs(home, [served.run_ids[0]])
    assert [item.after for item in again] == [(), ()]


def test_a_budget_is_of_one_model(home: Home, experiment: str) -> None:
    with pytest.raises(UsageError, match="is of one model"):
        plan_judging(home, experiment, Judging(budget=5.0))


def test_no_judge_is_launched_for_samples_that_there_are_not(home: Home, experiment: str) -> None:
    """Rules that changed are graded anew; judges that are models have nothing to do then."""
    plan = make_plan(home, experiment)
    runs = [replace(run, todo=frozenset({"judge"}), samples_missing=0) for run in plan.runs]
    again = with_panels(home, runs, plan.panels, plan.sample)
    assert [run.panels for run in again] == [{}] * len(runs)


def test_a_judging_that_is_queued_covers_a_pilot_of_it(home: Home, experiment: str) -> None:
    commit(home, make_plan(home, experiment))
    plan = make_plan(home, experiment)
    for change in ({"limit": 3}, {"budget": 1.0}, {"samples": (1, 2)}):
        pilot = [panel.model_copy(update=change) for panel in plan.panels]
        runs = with_panels(home, plan.runs, pilot, plan.sample)
        assert not any(run.panels for run in runs), change
    reworded = [
        panel.model_copy(
            update={
                "judges": tuple(
                    item.model_copy(
                        update={"judge": item.judge.model_copy(update={"prompt": "{answer}!"})}
                    )
                    for item in panel.judges
                )
            }
        )
        for panel in plan.panels
    ]
    assert all(run.panels for run in with_panels(home, plan.runs, reworded, plan.sample))


def test_a_pilot_goes_on_over_all_runs_that_it_was_of(home: Home, experiment: str) -> None:
    plan = make_plan(home, experiment)
    pilot = tuple(panel.model_copy(update={"limit": 3}) for panel in plan.panels)
    runs = tuple(
        replace(run, todo=frozenset(), panels={0: 3} if place == 1 else {})
        for place, run in enumerate(plan.runs)
    )
    (launch,) = launches_for(replace(plan, runs=runs, panels=pilot, only_judges=True))
    assert launch.run_ids == tuple(run.spec.run_id for run in runs)
