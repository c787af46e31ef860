"""The state of a run, from files alone."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders.home import T0
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.control.watch import watch
from wgen_tui.services.runs import runs
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.services.runs.runs import get_run

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles

Hold = Callable[[Path], subprocess.Popen[str]]


def brief(status: RunStatus) -> tuple[str, str | None]:
    return status.state, status.stage


def test_a_run_without_launch_is_queued(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    status = get_run(home, run)
    assert brief(status) == ("queued", None)
    assert "run start" in status.why


def test_a_chain_not_started_is_queued_at_its_first_stage(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    files.chain([run])
    assert brief(get_run(home, run)) == ("queued", "train")


def test_a_live_launch_is_starting_until_it_is_ready(
    home: Home, files: LaunchFiles, hold: Hold
) -> None:
    run, other = files.run(), files.run("x-a-s1-1", seed=1)
    train, _, _ = files.chain([run, other])
    hold(home.launch(train).log)
    files.started(train)
    assert brief(get_run(home, run)) == ("starting", "train")

    files.event(train, "ready", message="fp32 on cpu")
    files.event(train, "run_started", run_id=run)
    files.event(train, "progress", run_id=run, unit="steps", done=3, total=10, rate=2.0, loss=1.5)
    status = get_run(home, run)
    assert brief(status) == ("running", "train")
    assert (status.step, status.steps, status.loss) == (3, 10, 1.5)
    assert status.eta_seconds is None, "nothing has been measured yet"
    assert status.why == "", "what the model is, is no reason"
    waiting = get_run(home, other)
    assert brief(waiting) == ("queued", "train")
    assert "turn" in waiting.why


@pytest.mark.parametrize(
    ("done", "total", "seconds", "left"),
    [
        (3, 10, 9, None),  # ten seconds say something, nine do not
        (3, 10, 10, 3.5),
        (4, 100, 60, None),  # neither 5 % nor 20 units
        (5, 100, 60, 47.5),
        (19, 5_000, 60, None),
        (20, 5_000, 60, 2_490.0),
        (10, 10, 60, 0.0),
    ],
)
def test_what_is_left_is_estimated_once_something_was_measured(
    home: Home,
    files: LaunchFiles,
    hold: Hold,
    done: int,
    total: int,
    seconds: int,
    left: float | None,
) -> None:
    run = files.run()
    train, _, _ = files.chain([run])
    hold(home.launch(train).log)
    files.started(train)
    files.event(train, "ready")
    files.event(train, "run_started", run_id=run)
    at = T0 + timedelta(seconds=seconds)
    progress = {"unit": "steps", "done": done, "total": total, "rate": 2.0}
    files.event(train, "progress", run_id=run, at=at, **progress)
    assert get_run(home, run).eta_seconds == left


def test_a_worker_started_by_hand_counts_by_its_own_lock(
    home: Home, files: LaunchFiles, hold: Hold
) -> None:
    run = files.run()
    train, _, _ = files.chain([run])
    files.started(train)
    hold(home.launch(train).lock)
    assert get_run(home, run).state == "starting"


def test_a_free_lock_without_done_is_lost(home: Home, files: LaunchFiles, hold: Hold) -> None:
    run = files.run()
    train, _, _ = files.chain([run])
    holder = hold(home.launch(train).log)
    files.lost(train)
    assert get_run(home, run).state == "starting"
    holder.kill()
    holder.wait()
    home.launch(train).log.write_text("Loading\rLoaded\nKilled by the night\n\n")
    status = get_run(home, run)
    assert brief(status) == ("lost", "train")
    assert "Killed by the night" in status.why


def test_a_run_that_ended_before_the_launch_was_lost_keeps_its_end(
    home: Home, files: LaunchFiles
) -> None:
    ended, cut = files.run(), files.run("x-a-s1-1", seed=1)
    train = files.launch("train", [ended, cut])
    files.lost(train)
    files.event(train, "run_done", run_id=ended, outcome="finished")
    assert get_run(home, ended).state == "finished"
    assert get_run(home, cut).state == "lost"


def test_a_run_that_failed_in_a_launch_that_is_tried_again_has_not_ended(
    home: Home, files: LaunchFiles
) -> None:
    """A full disk: there was room for the event and none for done.json."""
    good, bad = files.run(), files.run("x-a-s1-1", seed=1)
    train = files.launch("train", [good, bad])
    files.started(train)
    files.event(train, "run_done", run_id=good, outcome="finished")
    files.event(train, "run_done", run_id=bad, outcome="failed", message="No space left")
    assert get_run(home, good).state == "finished"
    status = get_run(home, bad)
    assert brief(status) == ("queued", "train")
    assert "its worker died" in status.why


def test_what_comes_after_a_lost_launch_is_lost_too(home: Home, files: LaunchFiles) -> None:
    tuned, base = files.run(), files.run("x-base-s0-1", arm="base")
    train = files.launch("train", [tuned])
    sample = files.launch("sample", [base, tuned], (train,), number=1)
    files.launch("judge", [base, tuned], (sample,), number=2)
    files.lost(train)
    status = get_run(home, base)
    assert brief(status) == ("lost", "sample")
    assert train in status.why


def test_finished_only_when_no_later_stage_is_queued(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    train, sample, judge = files.chain([run])
    for launch, following in ((train, "sample"), (sample, "judge")):
        files.started(launch)
        files.done(launch, {run: "finished"})
        assert brief(get_run(home, run)) == ("queued", following)
    files.started(judge)
    files.done(judge, {run: "finished"})
    assert brief(get_run(home, run)) == ("finished", "judge")


def test_one_failed_run_does_not_stop_the_others(home: Home, files: LaunchFiles) -> None:
    good, bad = files.run(), files.run("x-a-s1-1", seed=1)
    train, _, _ = files.chain([good, bad])
    files.started(train)
    files.done(train, {good: "finished", bad: "failed"}, outcome="failed")
    assert brief(get_run(home, good)) == ("queued", "sample")
    status = get_run(home, bad)
    assert brief(status) == ("failed", "train")
    assert status.why == "Why"


def test_one_cancelled_run_does_not_stop_the_others(home: Home, files: LaunchFiles) -> None:
    good, cut = files.run(), files.run("x-a-s1-1", seed=1)
    train, _, _ = files.chain([good, cut])
    files.started(train)
    files.told(train, f"cancel-{cut}")
    files.done(train, {good: "finished", cut: "cancelled"}, outcome="cancelled")
    assert brief(get_run(home, good)) == ("queued", "sample")
    assert brief(get_run(home, cut)) == ("cancelled", "train")


def test_a_launch_in_which_nothing_went_well_ends_the_chain(home: Home, files: LaunchFiles) -> None:
    run, base = files.run(), files.run("x-base-s0-1", arm="base")
    train = files.launch("train", [run])
    files.launch("sample", [base, run], (train,), number=1)
    files.started(train)
    files.done(train, {run: "failed"}, outcome="failed")
    assert brief(get_run(home, base)) == ("failed", "sample")


def test_a_newer_chain_makes_an_old_failure_history(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    lost = files.launch("train", [run], number=0)
    files.lost(lost)
    files.launch("sample", [run], (lost,), number=1)
    assert get_run(home, run).state == "lost"
    files.launch("train", [run], number=5)
    assert brief(get_run(home, run)) == ("queued", "train")


def test_a_torn_event_is_skipped(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    train = files.launch("train", [run])
    files.started(train)
    events = home.launch(train).events
    events.write_text('{"at": "2026-01-0\n')
    files.event(train, "run_done", run_id=run, outcome="finished")
    with events.open("a") as stream:
        stream.write('{"at": "2026')
    assert get_run(home, run).state == "finished"


def test_cancelling_what_is_queued(home: Home, files: LaunchFiles) -> None:
    run, other = files.run(), files.run("x-a-s1-1", seed=1)
    files.chain([run, other])
    assert len(runs.cancel(home, run)) == 3
    assert get_run(home, run).state == "cancelled"
    assert get_run(home, other).state == "queued"
    with pytest.raises(UsageError, match="cancelled"):
        runs.cancel(home, run)


def test_an_unknown_run_names_the_nearest(home: Home, files: LaunchFiles) -> None:
    files.run("x-a-s0-1")
    with pytest.raises(UsageError) as caught:
        get_run(home, "x-a-s0-2")
    assert "x-a-s0-1" in caught.value.hint


def test_removing_refuses_what_is_live_and_takes_lone_launches_along(
    home: Home, files: LaunchFiles
) -> None:
    run, other = files.run(), files.run("x-b-s0-1", arm="b")
    shared = files.launch("train", [run, other], number=0)
    own = files.launch("sample", [run], (shared,), number=1)
    with pytest.raises(UsageError, match="queued"):
        runs.remove(home, run)
    files.lost(shared)
    runs.remove(home, run)
    assert runs.run_names(home) == [other]
    assert home.launch(shared).root.exists()
    assert not home.launch(own).root.exists()


def test_of_a_step_written_twice_the_newer_line_counts(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    line = (
        '{{"step": {step}, "steps": 9, "epoch": 0.1, "loss": {loss}, "learning_rate": 1.0,'
        ' "tokens": 5, "at": "2026-01-01T00:00:00Z"}}\n'
    )
    rows = [(2, 5.0), (1, 4.0), (2, 3.0)]
    text = "".join(line.format(step=step, loss=loss) for step, loss in rows)
    home.run(run).metrics.write_text(text + '{"step": 3')
    assert [(row.step, row.loss) for row in runs.metrics(home, run)] == [(1, 4.0), (2, 3.0)]


def test_a_watch_brings_the_notes_of_its_own_time(
    home: Home, files: LaunchFiles, hold: Hold
) -> None:
    run = files.run()
    train = files.launch("train", [run])
    hold(home.launch(train).log)
    files.started(train)
    files.event(train, "note", message="before")
    snapshots = watch(home, [run])
    assert next(snapshots).notes == ()
    files.event(train, "note", message="two examples cut", run_id=run)
    assert next(snapshots).notes == (f"{run}: two examples cut",)
