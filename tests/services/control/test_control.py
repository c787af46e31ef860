"""Pausing, going on, trying again and priorities, on the files of a home."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING

import pytest

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.services.control import control
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.runs import queue
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.runs import get_run, launches_of
from wgen_tui.services.supervisor import lifecycle, loop

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles

Hold = Callable[[Path], Popen[str]]


def spec_of(home: Home, launch: str) -> LaunchSpec:
    return LaunchSpec.model_validate_json(home.launch(launch).spec.read_bytes())


@pytest.fixture
def quiet(home: Home, hold: Hold) -> Home:
    """A home whose queue nobody works at: another holds the supervisor's lock."""
    home.supervisor_lock.touch()
    me = {"pid": 1, "ticks": None, "host": "elsewhere"}
    home.supervisor_lock.write_text(json.dumps(me))
    hold(home.supervisor_lock)
    assert lifecycle.supervisor_pid(home) == 1
    return home


def test_a_paused_run_is_queued_and_says_how_to_go_on(quiet: Home, files: LaunchFiles) -> None:
    run, other = files.run(), files.run("x-a-s1-2", seed=1)
    files.chain([run, other])
    control.pause(quiet, [run])
    status = get_run(quiet, run)
    assert (status.state, status.paused) == ("queued", True)
    assert "wgen-tui run resume" in status.why
    assert not get_run(quiet, other).paused
    assert control.pause(quiet, [run]) == []  # once is enough


def test_pausing_what_runs_waits_for_its_worker(
    quiet: Home, files: LaunchFiles, hold: Hold
) -> None:
    run, other = files.run(), files.run("x-a-s1-2", seed=1)
    train, _, _ = files.chain([run, other])
    hold(quiet.launch(train).log)
    files.started(train)
    files.event(train, "ready")
    control.pause(quiet, [run])
    assert (quiet.launch(train).control / f"pause-{run}").exists()
    assert get_run(quiet, run).why == "is being paused"
    files.event(train, "run_done", run_id=run, outcome="cancelled", message="As asked.")
    assert get_run(quiet, run).paused


def test_resuming_makes_a_chain_of_its_own(quiet: Home, files: LaunchFiles) -> None:
    run, other = files.run(), files.run("x-a-s1-2", seed=1)
    train, sample, judge = files.chain([run, other])
    files.started(train)
    files.told(train, f"pause-{run}")
    files.done(train, {run: "cancelled", other: "finished"}, outcome="cancelled")
    for launch in (sample, judge):
        files.told(launch, f"pause-{run}")
    assert get_run(quiet, run).paused
    assert get_run(quiet, other).stage == "sample"

    made = control.resume(quiet, [run])
    assert [(item.stage, item.run_ids) for item in made] == [
        ("train", (run,)),
        ("sample", (run,)),
        ("judge", (run,)),
    ]
    assert made[1].after == (made[0].launch_id,)
    assert spec_of(quiet, made[2].launch_id).judge == spec_of(quiet, judge).judge
    assert launches_of(quiet, run)[-3:] == [item.launch_id for item in made]
    status = get_run(quiet, run)
    assert (status.state, status.paused, status.stage) == ("queued", False, "train")
    with pytest.raises(UsageError, match="not paused"):
        control.resume(quiet, [run])


def test_retrying_begins_where_it_ended(quiet: Home, files: LaunchFiles) -> None:
    run, other = files.run(), files.run("x-a-s1-2", seed=1)
    train, sample, _ = files.chain([run, other])
    files.started(train)
    files.done(train, {run: "finished", other: "finished"})
    files.started(sample)
    files.done(sample, {run: "failed", other: "finished"}, outcome="failed")
    assert get_run(quiet, run).state == "failed"
    with pytest.raises(UsageError, match="queued; there is nothing to try again"):
        control.retry(quiet, [other])
    made = control.retry(quiet, [run])
    assert [item.stage for item in made] == ["sample", "judge"]
    assert made[0].run_ids == (run,)
    assert get_run(quiet, run).state == "queued"


@pytest.mark.parametrize(
    "child",
    [
        "{data: data/new.jsonl, start_from: old}",
        "{between: {arms: [old, old@1], t: 0.5}}",
        "{data: data/new.jsonl, upsample: random}",
        "{data: data/new.jsonl, derived: {teacher: old, prompts: data/old.jsonl}}",
    ],
)
def test_what_a_run_needs_is_tried_again_before_it(
    quiet: Home, definition: Path, files: LaunchFiles, child: str
) -> None:
    file = definition / "experiment.yaml"
    text = file.read_text().replace("seeds: 0-1", f"  more: {child}\nseeds: 0-1")
    file.write_text(text.replace("max_steps: 2", "max_steps: 2\n  checkpoints: {every: 1}"))
    options = Options(arms=["more"], seeds="0")
    planned = commit(quiet, make_plan(quiet, str(definition), options))
    first, second = (launch for launch in planned if launch.stage == "train")
    (parent,), (run,) = first.run_ids, second.run_ids
    files.started(first.launch_id)
    files.done(first.launch_id, {parent: "failed"}, outcome="failed")
    assert get_run(quiet, run).state == "failed"
    assert f"the train launch {first.launch_id} ended failed" in get_run(quiet, run).why
    made = [launch for launch in control.retry(quiet, [run]) if launch.stage == "train"]
    assert [launch.run_ids for launch in made] == [(parent,), (run,)]
    assert [launch.after for launch in made] == [(), (made[0].launch_id,)]
    assert get_run(quiet, run).why == "waits for train"
    # The parent is under way: what is tried again now waits for that.
    control_of = quiet.launch(made[1].launch_id).control
    files.told(made[1].launch_id, f"cancel-{run}")
    assert control_of.exists()
    again = [launch for launch in control.retry(quiet, [run]) if launch.stage == "train"]
    assert [(launch.run_ids, launch.after) for launch in again] == [((run,), (made[0].launch_id,))]


def test_the_queue_is_in_order_of_priority_then_age(quiet: Home, files: LaunchFiles) -> None:
    names = [files.run(f"x-a-s{seed}-1", seed=seed) for seed in range(3)]
    launches = [files.launch("train", [name], number=seed) for seed, name in enumerate(names)]
    control.prioritise(quiet, [names[2]], to=control.highest(quiet) + 1)
    control.prioritise(quiet, [names[0]], by=-1)
    views = list(Launches(quiet).refresh().values())
    order = [view.launch_id for view in queue.waiting_order(views)]
    assert order == [launches[2], launches[1], launches[0]]
    assert get_run(quiet, names[2]).priority == 1
    files.started(launches[2])
    files.done(launches[2], {names[2]: "finished"})
    with pytest.raises(UsageError, match="none of its launches waits"):
        control.prioritise(quiet, [names[2]], by=1)


def test_another_attempt_forgets_what_failed_and_keeps_what_is_done(
    quiet: Home, files: LaunchFiles
) -> None:
    good, bad = files.run(), files.run("x-a-s1-2", seed=1)
    train, _, _ = files.chain([good, bad])
    files.started(train)
    for run, done in ((good, 10), (bad, 4)):
        files.event(train, "run_started", run_id=run)
        files.event(train, "progress", run_id=run, done=done, total=10, unit="steps")
    files.event(train, "run_done", run_id=good, outcome="finished")
    with quiet.launch(train).events.open("a") as stream:
        stream.write('{"at": "20')  # killed while it wrote
    view = Launches(quiet).refresh([train])[train]
    assert view.state == "queued"
    assert view.retry is not None
    assert "its worker died" in get_run(quiet, bad).why

    record = queue.start_attempt(quiet, view, view.retry, "Killed: by the night")
    assert record is not None
    assert (record.attempt, record.failures, record.done) == (2, 0, {good: 10, bad: 4})
    view = Launches(quiet).refresh([train])[train]
    assert (view.state, view.retry) == ("queued", None)
    assert "Killed: by the night" in get_run(quiet, bad).why
    assert get_run(quiet, bad).attempt == 2

    # The second attempt gets no further and dies as well: that is enough of it.
    start = json.loads(quiet.launch(train).started.read_text())
    quiet.launch(train).started.write_text(json.dumps({**start, "attempt": 2}))
    files.event(train, "progress", run_id=bad, done=4, total=10, unit="steps")
    view = Launches(quiet).refresh([train])[train]
    assert view.state == "queued"  # once more
    record = queue.start_attempt(quiet, view, view.retry, "again") if view.retry else None
    assert record is not None
    assert record.failures == 1
    quiet.launch(train).started.write_text(json.dumps({**start, "attempt": 3}))
    assert get_run(quiet, bad).state == "lost"


def test_a_paused_queue_starts_nothing(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    judge = files.launch("judge", [run])
    queue.pause_queue(home, "the night is for others")
    assert loop.Supervisor(home).tick() is False
    assert not home.launch(judge).started.exists()
    assert get_run(home, run).why == "the queue is paused: the night is for others"
    assert control.resume_queue(home)
    assert not control.resume_queue(home)
