"""Launches that come over have ended here; what is at work in either home is left out."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.services.merge.conftest import OTHER_RUN
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import ENDED_STATES, LaunchSpec
from wgen_tui.protocol.queue import Notice, QueueRecord, SlurmSettings
from wgen_tui.protocol.record import write_record
from wgen_tui.services.merge.incoming_launches import merge_launch_lists
from wgen_tui.services.merge.merge import merge
from wgen_tui.services.merge.merge_report import MergeReport
from wgen_tui.services.runs import process, runs
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import alive
from wgen_tui.services.supervisor import loop

if TYPE_CHECKING:
    from tests.services.merge.conftest import Box

HOLDER = """
import fcntl, sys
stream = open(sys.argv[1], "a+b")
fcntl.flock(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold() -> Iterator[Callable[[Path], None]]:
    """Another process that holds an flock until the test ends."""
    holders: list[subprocess.Popen[str]] = []

    def start(path: Path) -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

    yield start
    for holder in holders:
        holder.kill()
        holder.communicate()


def what(report: MergeReport) -> dict[str, str]:
    return {run.name: run.status for run in report.runs}


def state(home: Home, name: str) -> str:
    return Launches(home).refresh([name])[name].state


def test_a_run_at_work_there_is_left_out_and_named(
    here: Box, there: Box, hold: Callable[[Path], None]
) -> None:
    run_id = there.run()
    name = there.launch([run_id])
    there.started(name)
    other = there.finished(OTHER_RUN)
    hold(there.home.launch(name).log)
    report = merge(here.home, there.home.root)
    assert what(report) == {run_id: "live", other: "new"}
    assert name in next(run.why for run in report.runs if run.status == "live")
    assert not report.conflicts
    assert runs.run_names(here.home) == [other]


def test_a_run_at_work_or_queued_here_is_left_out(here: Box, there: Box) -> None:
    run_id = here.run()
    name = here.launch([run_id])
    there.finished(n=6)
    before = here.files()
    report = merge(here.home, there.home.root)
    assert what(report) == {run_id: "live"}
    assert name in report.runs[0].why
    assert here.files() == before


def test_what_another_box_wrote_just_now_may_be_at_work(here: Box, there: Box) -> None:
    """A copied home has no locks: only the times of its files tell."""
    run_id = there.run()
    name = there.launch([run_id])
    there.started(name)
    os.utime(there.home.launch(name).log)
    (item,) = merge(here.home, there.home.root).runs
    assert item.status == "live"
    assert "another box" in item.why
    os.utime(there.home.launch(name).log, (1, 1))
    assert what(merge(here.home, there.home.root)) == {run_id: "new"}


def test_a_run_that_waits_for_a_supervisor_at_work_is_live(
    here: Box, there: Box, hold: Callable[[Path], None]
) -> None:
    run_id = there.finished()
    there.launch([run_id], "sample", name="20260102-030406-1sample-0000")
    me = {"pid": os.getpid(), "ticks": process.process_started(os.getpid())}
    record = json.dumps({**me, "host": socket.gethostname()})
    there.home.supervisor_lock.write_text(record)
    hold(there.home.supervisor_lock)
    assert what(merge(here.home, there.home.root)) == {run_id: "live"}


def test_a_run_that_nobody_will_go_on_with_comes_over_as_it_is(here: Box, there: Box) -> None:
    """The box is gone between training and sampling."""
    run_id = there.finished()
    train = "20260102-030405-0train-old"
    sample = there.launch([run_id], "sample", after=(train,))
    nothing = there.run(OTHER_RUN, 0)
    shutil.rmtree(there.home.run(nothing).samples)
    there.launch([nothing], "judge")
    report = merge(here.home, there.home.root)
    assert what(report) == {run_id: "new", nothing: "live"}
    assert state(here.home, sample) in ENDED_STATES
    assert runs.get_run(here.home, run_id).state == "failed"
    assert "run start" in Launches(here.home).refresh([sample])[sample].done.hint  # type: ignore[union-attr]


def test_a_launch_that_died_there_is_neither_alive_nor_tried_again_here(
    here: Box, there: Box
) -> None:
    """Its process id is that of a living process, and its host has our name."""
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    run_id = there.run()
    name = there.launch([run_id])
    there.started(name, host=socket.gethostname(), pid=sleeper.pid)
    record = json.loads(there.home.launch(name).started.read_text())
    record["ticks"] = process.process_started(sleeper.pid)
    there.home.launch(name).started.write_text(json.dumps(record))
    merge(here.home, there.home.root)
    paths = here.home.launch(name)
    assert json.loads(paths.started.read_text())["pid"] is None
    assert not alive(paths)
    assert process.terminate(here.home, name) is False
    # Even if something here holds its log.
    with paths.log.open("ab") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        assert process.terminate(here.home, name) is False
    assert sleeper.poll() is None
    os.killpg(sleeper.pid, signal.SIGKILL)
    sleeper.communicate()
    view = Launches(here.home).refresh([name])[name]
    assert view.state == "failed"
    assert not loop.Supervisor(here.home).work_left()


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_no_end_is_tried_again_here(here: Box, there: Box, end: str) -> None:
    run_id = there.run()
    name = there.launch([run_id])
    there.done(name, [run_id], end)  # type: ignore[arg-type]
    done = there.home.launch(name).done
    record = json.loads(done.read_text())
    for part in (record, record["runs"][run_id]):
        part["title"] = "Unexpected error" if end == "failed" else "Cancelled"
    done.write_text(json.dumps(record))
    assert what(merge(here.home, there.home.root)) == {run_id: "new"}
    assert state(here.home, name) == end
    assert not loop.Supervisor(here.home).work_left()


def test_neither_slurm_nor_notification_comes_over(here: Box, there: Box) -> None:
    run_id = there.run()
    slurm = SlurmSettings(partition="gpu")
    name = there.launch([run_id], slurm=slurm, notify=Notice(command=("true",), runs=(run_id,)))
    there.done(name, [run_id])
    there.home.launch(name).slurm.write_text("{}")
    merge(here.home, there.home.root)
    paths = here.home.launch(name)
    spec = LaunchSpec.model_validate_json(paths.spec.read_bytes())
    assert (spec.slurm, spec.notify) == (None, None)
    assert not paths.slurm.exists()
    assert merge(here.home, there.home.root).nothing_new


def test_the_end_of_an_unfinished_launch_follows(here: Box, there: Box) -> None:
    run_id = there.run()
    name = there.launch([run_id])
    there.started(name)
    assert what(merge(here.home, there.home.root)) == {run_id: "new"}
    assert runs.get_run(here.home, run_id).state == "failed"
    assert merge(here.home, there.home.root).nothing_new

    # There, the next supervisor has tried it again.
    write_record(there.home.launch(name).queue, QueueRecord(attempt=2))
    record = json.loads(there.home.launch(name).started.read_text())
    there.home.launch(name).started.write_text(json.dumps({**record, "attempt": 2}))
    there.checkpoint(run_id, 10, b"ten")
    there.done(name, [run_id])
    report = merge(here.home, there.home.root)
    assert what(report) == {run_id: "updated"}
    assert [(item.name, item.status) for item in report.launches] == [(name, "updated")]
    assert runs.get_run(here.home, run_id).state == "finished"
    assert merge(here.home, there.home.root).nothing_new


def test_bringing_back_changes_nothing_where_it_came_from(here: Box, there: Box) -> None:
    run_id = there.run()
    there.started(there.launch([run_id]))
    merge(here.home, there.home.root)
    before = there.files()
    assert merge(there.home, here.home.root).nothing_new
    assert there.files() == before


def test_another_launch_of_the_same_name_is_a_conflict(here: Box, there: Box) -> None:
    mine, theirs = here.run(), there.run(OTHER_RUN)
    here.done(here.launch([mine], name="L"), [mine])
    there.done(there.launch([theirs], name="L"), [theirs])
    report = merge(here.home, there.home.root)
    (conflict,) = report.conflicts
    assert conflict.name == theirs
    assert "launch L" in conflict.why
    assert runs.run_names(here.home) == [mine]


def test_launches_of_a_run_in_both_homes_stand_in_their_order(here: Box, there: Box) -> None:
    run_id = here.finished()
    there.finished()
    for box, second in ((here, 6), (there, 7), (here, 8)):
        name = box.launch([run_id], "judge", name=f"20260102-03040{second}-2judge-0000")
        box.done(name, [run_id])
    merge(here.home, there.home.root)
    found = runs.launches_of(here.home, run_id)
    assert [name[14] for name in found] == ["5", "6", "7", "8"]
    assert runs.get_run(here.home, run_id).state == "finished"


def lines(*names: str) -> bytes:
    return b"".join(json.dumps({"launch_id": name}).encode() + b"\n" for name in names)


@pytest.mark.parametrize(
    ("ours", "theirs", "union"),
    [
        ("", "ab", "ab"),
        ("ab", "", "ab"),
        ("ac", "b", "abc"),
        ("bc", "a", "abc"),
        ("ca", "b", "bca"),  # ours keep their order, whatever their age
        ("a", "cb", "acb"),  # and theirs theirs
        ("ad", "abcd", "abcd"),
        ("dz", "dbz", "dbz"),
    ],
)
def test_the_union_keeps_both_orders(ours: str, theirs: str, union: str) -> None:
    assert merge_launch_lists(lines(*ours), lines(*theirs)) == lines(*union)


def test_a_torn_line_is_passed_over() -> None:
    assert merge_launch_lists(lines("a") + b'{"launch_i', lines("b")) == lines("a", "b")
