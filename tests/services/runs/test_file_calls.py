"""What asking again costs, counted in calls for files: on a disk over the network each is a trip.

Promises: of what has not changed nothing is read; a change of any kind is seen all the same.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING

import pytest

from tests.builders.file_calls import file_calls
from tests.builders.home import T0
from tests.builders.waiting import until
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import MetricRow
from wgen_tui.run_files import run_folders
from wgen_tui.services.runs import launch_state, queue
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.runs import MetricsReader, RunList, detail_files
from wgen_tui.services.supervisor.loop import Supervisor

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles

Hold = Callable[[Path], Popen[str]]
FEW, MANY = 5, 25


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stat says counts at once."""
    monkeypatch.setattr(launch_state, "SETTLED", 0.0)


def more_cost(write: Callable[[int], None], ask: Callable[[], object]) -> Counter[str]:
    """What `MANY` cost more than `FEW` when `ask` finds nothing new."""
    counts = []
    for numbers in (range(FEW), range(FEW, MANY)):
        for number in numbers:
            write(number)
        ask()
        ask()
        with file_calls() as calls:
            ask()
        counts.append(calls)
    return counts[1] - counts[0]


def test_a_launch_that_waits_costs_the_supervisor_two_calls(home: Home, files: LaunchFiles) -> None:
    queue.pause_queue(home)
    supervisor = Supervisor(home)

    def write(number: int) -> None:
        files.launch("train", [files.run(f"x-a-s{number}-{number}", seed=number)], number=number)

    calls = more_cost(write, supervisor.tick)
    assert 0 < calls.total() <= 2 * (MANY - FEW), calls
    assert set(calls) == {"stat"}


def test_a_launch_that_has_ended_costs_nothing(home: Home, files: LaunchFiles) -> None:
    launches = Launches(home)

    def write(number: int) -> None:
        run = files.run(f"x-a-s{number}-{number}", seed=number)
        launch = files.launch("train", [run], number=number)
        files.done(launch, {run: "finished"})

    assert not more_cost(write, launches.refresh)


def test_a_run_that_has_ended_costs_a_list_one_call(home: Home, files: LaunchFiles) -> None:
    runs = RunList(home)

    def write(number: int) -> None:
        run = files.run(f"x-a-s{number}-{number}", seed=number)
        launch = files.launch("train", [run], number=number)
        files.done(launch, {run: "finished"})

    calls = more_cost(write, runs.refresh)
    assert calls == {"stat": MANY - FEW}


def ended(home: Home, files: LaunchFiles, number: int) -> str:
    """A run whose one launch has ended, in folders that have stood for long."""
    run = files.run(f"x-a-s{number}-{number}", seed=number)
    launch = files.launch("train", [run], number=number)
    files.done(launch, {run: "finished"})
    for folder in (home.runs, home.launches):
        os.utime(folder, (number + 1, number + 1))
    return run


def test_runs_that_have_ended_cost_a_list_nothing_while_the_folders_stand(
    home: Home, files: LaunchFiles
) -> None:
    runs = RunList(home)
    assert not more_cost(lambda number: ended(home, files, number), runs.refresh)
    assert len(runs.refresh()) == MANY
    with file_calls() as calls:
        runs.refresh()
    assert calls.total() <= 4, calls  # both folders; the disk, and why launches wait


@pytest.mark.parametrize("what", ["launch", "run", "removed", "by hand"])
def test_what_changes_of_runs_that_had_ended_is_seen(
    what: str, home: Home, files: LaunchFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = (ended(home, files, number) for number in (0, 1))
    runs = RunList(home)
    for _ in range(2):
        assert [(item.run_id, item.state) for item in runs.refresh()] == [
            (run, "finished"),
            (other, "finished"),
        ]
    if what == "launch":
        files.launch("sample", [run], number=3)
    elif what == "run":
        files.run("x-a-s2-2", seed=2)
    elif what == "removed":
        shutil.rmtree(home.run(run).root)
    else:
        home.run(run).launches.write_text("")
        assert [item.state for item in runs.refresh()] == ["finished"] * 2
        monkeypatch.setattr(run_folders, "WHOLE_EVERY", 0.0)
    states = {item.run_id: item.state for item in runs.refresh()}
    assert states[other] == "finished"
    assert states.get(run) == {"launch": "queued", "run": "finished", "by hand": "queued"}.get(what)
    assert len(states) == {"run": 3, "removed": 1}.get(what, 2)


def test_a_worker_that_is_silent_costs_four_calls(
    home: Home, files: LaunchFiles, hold: Hold
) -> None:
    view, _ = at_work(home, files, hold)
    with file_calls() as calls:
        view.refresh()
    assert calls.total() <= 4, calls  # the folder, its requests, its events, its lock


def quiet(view: LaunchView) -> LaunchView:
    """Let what stat says of the folders be old, so that the next change has another time."""
    for folder in (view.paths.root, view.paths.control):
        if folder.exists():
            os.utime(folder, (1, 1))
    view.refresh()
    with file_calls() as calls:
        view.refresh()
    assert calls["scandir"] == 0, "it was read again"
    return view


def at_work(home: Home, files: LaunchFiles, hold: Hold) -> tuple[LaunchView, Popen[str]]:
    run = files.run()
    launch = files.launch("train", [run])
    worker = hold(home.launch(launch).log)
    files.started(launch)
    view = Launches(home).refresh()[launch]
    return quiet(view), worker


def test_what_changes_of_a_launch_that_waits_is_seen(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    launch = files.launch("train", [run, files.run("x-a-s1-1", seed=1)])
    view = quiet(Launches(home).refresh()[launch])
    queue.reprioritise(home, [launch], None, 7)
    assert view.refresh().queue.priority == 7
    quiet(view)
    (view.paths.control / f"pause-{run}").touch()
    assert view.refresh().paused_runs == {run}
    quiet(view)
    (view.paths.control / f"pause-{run}").unlink()
    assert not view.refresh().paused_runs
    quiet(view)
    files.started(launch)
    assert view.refresh().start is not None


def test_the_first_request_to_a_launch_is_seen(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    launch = files.launch("train", [run])
    home.launch(launch).control.rmdir()
    view = quiet(Launches(home).refresh()[launch])
    queue.signal_run(home, Launches(home), [launch], run, "cancel")
    assert view.refresh().state == "cancelled"


def test_what_a_worker_says_is_seen(home: Home, files: LaunchFiles, hold: Hold) -> None:
    view, _ = at_work(home, files, hold)
    run = view.spec.run_ids[0]
    assert view.state == "starting"
    files.event(view.launch_id, "ready")
    assert view.refresh().state == "running"
    quiet(view)
    files.event(view.launch_id, "progress", run_id=run, done=3, total=9)
    assert view.refresh().events.furthest == {run: 3}
    quiet(view)
    files.done(view.launch_id, {run: "finished"})
    assert view.refresh().state == "finished"


def test_a_death_is_seen(home: Home, files: LaunchFiles, hold: Hold) -> None:
    view, worker = at_work(home, files, hold)
    worker.kill()
    worker.wait()
    until(lambda: view.refresh().retry is not None, "the worker is dead")


def test_a_launch_added_to_a_run_that_had_ended_is_seen(home: Home, files: LaunchFiles) -> None:
    runs = RunList(home)
    run = files.run()
    first = files.launch("train", [run])
    files.done(first, {run: "failed"}, outcome="failed")
    runs.refresh()
    assert [status.state for status in runs.refresh()] == ["failed"]
    files.launch("train", [run], number=2)
    assert [status.state for status in runs.refresh()] == ["queued"]


def test_what_changes_at_the_same_instant_is_not_missed(
    home: Home, files: LaunchFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a folder is coarse: a second change may leave it as the first did."""
    monkeypatch.setattr(launch_state, "SETTLED", 300.0)
    run = files.run()
    launch = files.launch("train", [run])
    view = Launches(home).refresh()[launch]
    view.refresh()
    before = view.paths.control.stat()
    (view.paths.control / f"pause-{run}").touch()
    os.utime(view.paths.control, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert view.refresh().paused_runs == {run}


def test_metrics_are_read_as_they_grow(home: Home, files: LaunchFiles) -> None:
    run, other = files.run(), files.run("x-a-s1-1", seed=1)
    path, reader = home.run(run).metrics, MetricsReader(home)

    def write(*steps: int) -> None:
        with path.open("a") as stream:
            stream.writelines(f"{metric(step)}\n" for step in steps)

    assert reader.read(run) == []
    write(1, 2)
    assert [row.step for row in reader.read(run)] == [1, 2]
    write(2, 3)
    assert [row.step for row in reader.read(run)] == [1, 2, 3]
    assert reader.read(other) == []
    assert [row.step for row in reader.read(run)] == [1, 2, 3]
    path.unlink()
    write(9)  # trained again
    assert [row.step for row in reader.read(run)] == [9]


def metric(step: int) -> str:
    row = MetricRow(step=step, steps=9, epoch=1.0, loss=1.0, learning_rate=1e-3, tokens=1, at=T0)
    return row.model_dump_json()


def test_the_detail_of_a_run_changes_with_its_files(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    launch = files.launch("train", [run])
    seen = detail_files(home, run)
    assert seen.unchanged()
    home.launch(launch).log.write_text("loading\n")
    assert not seen.unchanged()
    seen = detail_files(home, run)
    home.run(run).metrics.write_text(metric(1))
    assert not seen.unchanged()
