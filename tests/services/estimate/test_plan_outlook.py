"""Time and memory of a plan, before anything of it is written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from experiments.schema import parse_seeds
from tests.builders.home import T0, write_done
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec, Outcome
from wgen_tui.services.estimate.estimate import estimate
from wgen_tui.services.estimate.plan_outlook import outlook
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.commit import commit, launches_for
from wgen_tui.services.planning.plan import Options, Plan, make_plan


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    definitions.new(home, "mine")
    return home


def planned(home: Home, seeds: str = "0-2") -> Plan:
    assert parse_seeds(seeds)
    return make_plan(home, "mine", Options(seeds=seeds))


def end(home: Home, launches: tuple[LaunchSpec, ...], outcome: Outcome = "finished") -> None:
    """Say of each that it has ended so, 65 seconds after it began."""
    for launch in launches:
        ends = dict.fromkeys(launch.run_ids, outcome)
        after = T0 + timedelta(seconds=65)
        write_done(home.launch(launch.launch_id), ends, outcome, ended_at=after)


def test_memory_is_what_it_will_be_once_the_plan_is_written(home: Home) -> None:
    plan = planned(home)
    before = outlook(home, plan.runs, launches_for(plan), None)
    assert before.seconds is None and before.untimed == ("training", "sampling")
    launches = commit(home, plan)
    after = max(estimate(home, launch).memory_mb for launch in launches)
    assert before.memory_mb == after > 400


def test_time_is_as_launches_of_the_same_model_took(home: Home) -> None:
    first = commit(home, planned(home, "0"))
    end(home, first)
    took = {launch.stage: 65.0 for launch in first}
    plan = planned(home, "1-3")
    now = outlook(home, plan.runs, launches_for(plan), None)
    assert now.untimed == ()
    train = 3 * took["train"]  # as many steps for each of three seeds
    draws = sum(run.samples_missing for run in plan.runs)
    of_first = 3 * 40  # two arms and the base, 2 wordings of 20 draws
    assert now.seconds == pytest.approx(train + took["sample"] * draws / of_first)


def test_one_that_failed_or_cannot_be_read_tells_no_time(home: Home) -> None:
    launches = commit(home, planned(home, "0"))
    end(home, launches, "failed")
    (home.launches / "20990101-000000-0train-ffff").mkdir()
    (home.launches / "20990101-000000-0train-ffff" / "launch.json").write_text("{")
    plan = planned(home, "1")
    assert outlook(home, plan.runs, launches_for(plan), None).seconds is None
