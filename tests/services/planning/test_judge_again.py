"""`grade judge`: verdicts for what is there, chosen by SQL, by run and by number."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.builders import store_home
from tests.builders.definition import write_definition
from tests.builders.home import T0, write_done, write_launch
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import JudgeStage, LaunchSpec, Outcome, RunOutcome
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.judge_again import Judging, plan_judging
from wgen_tui.services.planning.plan import Plan
from wgen_tui.services.results import warnings
from wgen_tui.services.results.compared import Compared
from wgen_tui.services.runs.runs import RunList

JUDGES = """
model_judges:
  - {name: aligned, type: rating_judge, model: judge, prompt: "{question} {answer}"}
  - {name: era, model: judge, prompt: "{answer}", labels: {old: [OLD]}, repeat: 2, temperature: 1}
  - {name: other, model: gpt-4.1, prompt: "{answer}"}
"""
SLUG = store_home.EXPERIMENT


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose runs were sampled with the prompts of its definition."""
    home = Home(store_home.write_home(tmp_path / "home", n=4))
    model = make_model(tmp_path / "model")
    folder = write_definition(home.root / "experiments" / SLUG, model)
    path = folder / "experiment.yaml"
    path.write_text(path.read_text() + JUDGES)
    home.config.write_text(f'[judges]\njudge = "{model}"\n')
    return home.ensure()


def plan(home: Home, **options: object) -> Plan:
    return plan_judging(home, SLUG, Judging(**options))  # type: ignore[arg-type]


def test_nothing_is_trained_or_drawn_and_what_waits_is_told(home: Home) -> None:
    planned = plan(home)
    assert not any(run.todo for run in planned.runs)
    assert [item.judges for item in planned.waiting] == [("other",)]
    assert "other waits" in planned.warnings[0]
    with pytest.raises(UsageError, match="other waits"):
        plan(home, judges=["other"])
    with pytest.raises(UsageError, match="aligne"):
        plan(home, judges=["aligne"])


def test_a_condition_chooses_samples(home: Home) -> None:
    planned = plan(home, where="arm = 'old' and seed = 0 -- only these")
    (panel,) = planned.panels
    rows = store_home.sample_rows(next(r for r in store_home.RUNS if r.arm == "old"), 4)
    assert panel.samples is not None and {row["sample_id"] for row in rows} == set(panel.samples)
    with pytest.raises(UsageError, match="no sample of"):
        plan(home, where="arm = 'nowhere'")
    with pytest.raises(UsageError, match="nothere"):
        plan(home, where="nothere = 1")
    with pytest.raises(UsageError):
        plan(home, where="true); drop table sample; select (true")


def test_a_pilot_and_its_budget_stand_in_the_launch(home: Home) -> None:
    with pytest.raises(UsageError, match="no endpoint that is asked has a price"):
        plan(home, budget=1.0)
    assert plan(home, judges=["era"], limit=3).panels[0].limit == 3


def test_without_judges_or_samples_it_says_so(home: Home, tmp_path: Path) -> None:
    bare = Home(tmp_path / "bare").ensure()
    folder = write_definition(tmp_path / "names", make_model(tmp_path / "another"))
    with pytest.raises(UsageError, match="No judge of names is a model"):
        plan_judging(bare, str(folder), Judging())
    path, judges = folder / "experiment.yaml", JUDGES.replace("model: judge,", "model: tiny-world,")
    path.write_text(path.read_text() + judges)
    with pytest.raises(UsageError, match="no samples to judge"):
        plan_judging(bare, str(folder), Judging())


def judged(home: Home, outcome: Outcome, **options: object) -> LaunchSpec:
    """A judging that has ended so."""
    planned = plan(home, **options)
    number = len(list(home.launches.glob("judging-*")))
    launch = write_launch(
        home,
        f"judging-{number}",
        "judge",
        [run.spec.run_id for run in planned.runs],
        experiment=SLUG,
        created_at=T0 + timedelta(minutes=number),
        judge=JudgeStage(judges=(), panel=planned.panels[0]),
    )
    runs = {name: RunOutcome(outcome=outcome, title="Budget reached") for name in launch.run_ids}
    write_done(home.launch(launch.launch_id), runs, outcome)
    return launch


def test_a_judge_that_failed_in_an_earlier_command_is_still_named(home: Home) -> None:
    judged(home, "failed", judges=["aligned"], limit=2)
    failed = judged(home, "failed", judges=["aligned"])
    judged(home, "finished", judges=["era"])
    told = (
        f"aligned: its launch {failed.launch_id} failed (Budget reached); "
        f"go on with `wgen-tui grade judge {SLUG} --judge aligned`"
    )
    listed = {run.run_id: run for run in RunList(home).refresh(run_ids=failed.run_ids)}
    assert {(run.state, run.aside) for run in listed.values()} == {("finished", told)}
    assert told in plan(home, judges=["era"]).warnings
    assert not any("aligned" in warning for warning in plan(home).warnings)  # which asks it
    said = warnings.notes(Compared(home, SLUG, None, definitions.load(home, SLUG)), [])
    noted = [note for note in said if note.kind == "unfinished_judge"]
    assert [(note.text, note.count) for note in noted] == [(told, len(failed.run_ids))]

    judged(home, "finished", judges=["aligned"], limit=2)  # a pilot is less than was asked
    assert told in plan(home, judges=["era"]).warnings
    judged(home, "finished", judges=["aligned"])
    assert not any("aligned" in warning for warning in plan(home, judges=["era"]).warnings)
    assert {run.aside for run in RunList(home).refresh(run_ids=failed.run_ids)} == {""}


def test_what_goes_on_asks_as_much_as_was_asked(home: Home) -> None:
    failed = judged(home, "failed", judges=["era", "aligned"], where="seed = 0", limit=2)
    [aside] = {run.aside for run in RunList(home).refresh(run_ids=failed.run_ids)}
    asked = f"wgen-tui grade judge {SLUG} --judge aligned --judge era --where … --limit 2"
    assert aside == f"go on with `{asked}`"
