"""The queue and its supervisor in trouble; launches are files, their workers real but light."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.home import write_done
from tests.builders.launch_files import LaunchFiles
from tests.builders.waiting import until
from tests.e2e.conftest import Shell
from tests.reliability.conftest import open_terminal, processes, stop_all
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec, RunOutcome, read_start
from wgen_tui.protocol.queue import Attempt, Notice, QueueRecord, read_queue
from wgen_tui.protocol.record import now, write_record
from wgen_tui.services.runs import queue
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.runs import get_run, list_runs
from wgen_tui.services.supervisor import lifecycle

Hold = Callable[[Path], subprocess.Popen[str]]
Wait = Callable[[Path], None]
SUPERVISOR = [sys.executable, "-m", "wgen_tui.services.supervisor", "--home"]


def view_of(home: Home, launch: str) -> LaunchView:
    return Launches(home).refresh([launch])[launch]


def at_work(
    home: Home, files: LaunchFiles, hold: Hold, name: str = "x-b-s0-1"
) -> subprocess.Popen[str]:
    """A launch that somebody works at, so that no other starts."""
    launch = files.launch("train", [files.run(name, arm="b")])
    worker = hold(home.launch(launch).log)
    files.started(launch)
    return worker


@pytest.mark.slow
def test_of_twenty_supervisors_one_works(
    home: Home, files: LaunchFiles, hold: Hold, wait_unlocked: Wait
) -> None:
    at_work(home, files, hold)
    for _ in range(5):
        started = [subprocess.Popen([*SUPERVISOR, str(home.root)]) for _ in range(4)]
        until(lambda all_=started: sum(one.poll() is None for one in all_) == 1)
        (works,) = (one for one in started if one.returncode is None)
        assert [one.returncode for one in started].count(0) == 3
        until(lambda pid=works.pid: lifecycle.supervisor_pid(home) == pid)
        works.kill()
        works.wait()
        wait_unlocked(home.supervisor_lock)


@pytest.mark.slow
def test_five_hundred_wait_in_order_and_can_be_cancelled(
    home: Home, files: LaunchFiles, hold: Hold, many: Callable[[int], list[str]]
) -> None:
    worker = at_work(home, files, hold)
    launches = many(500)
    shell = Shell(home)
    late, early = launches[400], launches[0]
    shell("run", "priority", get_run(home, "x-a-s400-1").run_id, "--to", "5")
    lifecycle.ensure_supervisor(home)
    runs = {run["id"]: run for run in shell.json("run", "list")["runs"]}
    assert len(runs) == 501
    assert {run["state"] for name, run in runs.items() if name != "x-b-s0-1"} == {"queued"}
    until(lambda: f"first: {late}" in get_run(home, "x-a-s0-1").why, "no order is shown")

    worker.kill()
    until(lambda: f"{early}: started" in home.supervisor_log.read_text())
    log = home.supervisor_log.read_text()
    begun = [name for name in launches if f"{name}: started" in log]
    assert log.index(f"{late}: started") < log.index(f"{early}: started")
    assert set(begun) <= {late, *launches[:20]}

    shell("run", "cancel", "--all")
    until(lambda: not any(run.live for run in list_runs(home)))
    states = [run.state for run in list_runs(home) if run.arm == "a"]
    assert len(states) == 500
    assert states.count("cancelled") > 450  # those that had begun found no samples, and failed
    until(lambda: not processes(home), "somebody is at work still")


def test_looking_again_at_five_hundred_reads_nothing_that_is_known(
    home: Home, many: Callable[[int], list[str]]
) -> None:
    many(500)
    launches = Launches(home)
    launches.refresh()
    opened: list[str] = []
    counting = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if counting and event == "open" and str(home.root) in str(arguments[0]):
            opened.append(Path(str(arguments[0])).name)

    sys.addaudithook(note)  # it stays until the process ends
    launches.refresh()
    counting = False
    assert set(opened) <= {"done.json", "started.json", "events.jsonl"}
    assert len(opened) <= 3 * 500


def failed_for_room(home: Home, files: LaunchFiles) -> str:
    """A judge launch that ended because the disk was full, after one failure before."""
    launch = files.launch("judge", [files.run()])
    files.started(launch)
    end = RunOutcome(outcome="failed", title="Disk full", message="no room")
    write_done(home.launch(launch), {"x-a-s0-1": end}, "failed", started_at=now(), ended_at=now())
    write_record(home.launch(launch).queue, QueueRecord(failures=1))
    return launch


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_supervisor_that_dies_while_it_begins_again_is_followed_by_one_that_does(
    home: Home, files: LaunchFiles, steps: int, wait_unlocked: Wait
) -> None:
    launch = failed_for_room(home, files)
    paths = home.launch(launch)
    if steps >= 1:
        paths.done.rename(paths.done_before(1))
    if steps >= 2:
        ended = Attempt(number=1, state="disk", reason="the disk was full", at=now())
        write_record(paths.queue, QueueRecord(attempt=2, failures=1, history=(ended,)))
    assert get_run(home, "x-a-s0-1").state == "queued"
    assert "disk was full" in get_run(home, "x-a-s0-1").why

    lifecycle.ensure_supervisor(home)
    until(lambda: paths.done.exists())
    wait_unlocked(home.supervisor_lock)
    start = read_start(paths.started)
    assert start is not None
    assert start.attempt == 2
    record = read_queue(paths.queue)
    assert [(one.number, one.state) for one in record.history] == [(1, "disk")]
    assert record.failures == 1
    assert "no samples" in get_run(home, "x-a-s0-1").why  # what the second attempt found
    assert paths.done_before(1).exists()


def test_a_supervisor_that_dies_before_its_worker_is_born_is_followed_by_one_that_starts_it(
    home: Home, files: LaunchFiles, wait_unlocked: Wait
) -> None:
    launch = files.launch("judge", [files.run()])
    files.started(launch)  # written before the process is made
    assert get_run(home, "x-a-s0-1").state == "queued"
    lifecycle.ensure_supervisor(home)
    wait_unlocked(home.supervisor_lock)
    assert "no samples" in get_run(home, "x-a-s0-1").why
    assert get_run(home, "x-a-s0-1").attempt == 2


def notifying(home: Home, files: LaunchFiles, number: int) -> tuple[str, Path]:
    """A launch that is at work and tells how it ended by a line in a file."""
    run = files.run(f"x-a-s{number}-1", seed=number)
    launch = files.launch("judge", [run], number=number)
    told = home.root / f"told-{number}"
    words = ("sh", "-c", f'echo "$WGEN_EVENT $WGEN_RUNS" >> {shlex.quote(str(told))}')
    notice = Notice(command=words, runs=(run,))
    spec = LaunchSpec.model_validate_json(home.launch(launch).spec.read_bytes())
    write_record(home.launch(launch).spec, spec.model_copy(update={"notify": notice}))
    files.started(launch)
    return launch, told


def test_the_command_runs_once_whatever_supervisor_is_there(
    home: Home, files: LaunchFiles, hold: Hold, wait_unlocked: Wait
) -> None:
    good, told_good = notifying(home, files, 1)
    bad, told_bad = notifying(home, files, 2)
    holders = [hold(home.launch(name).log) for name in (good, bad)]
    pid = lifecycle.ensure_supervisor(home)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wait_unlocked(home.supervisor_lock)
    files.done(good, {"x-a-s1-1": "finished"})  # while nobody looks
    files.done(bad, {"x-a-s2-1": "failed"}, outcome="failed")
    for holder in holders:
        holder.kill()
        holder.wait()
    assert not told_good.exists()

    at_work(home, files, hold)
    pid = lifecycle.ensure_supervisor(home)
    assert pid is not None
    until(lambda: told_good.exists() and told_bad.exists())
    os.kill(pid, signal.SIGKILL)
    wait_unlocked(home.supervisor_lock)
    _, third = notifying(home, files, 3)  # lost by now; its news show that the next has looked
    queue_of = home.launch("20260102-030405-3judge").queue
    write_record(queue_of, QueueRecord(failures=1))
    lifecycle.ensure_supervisor(home)
    until(lambda: third.exists() and third.read_text())
    assert told_good.read_text() == "finished x-a-s1-1\n"
    assert told_bad.read_text() == "failed x-a-s2-1\n"
    assert third.read_text() == "failed x-a-s3-1\n"


def test_a_paused_queue_stays_paused_for_the_next_supervisor(
    home: Home, files: LaunchFiles, hold: Hold, wait_unlocked: Wait
) -> None:
    at_work(home, files, hold)
    waits = files.launch("judge", [files.run()], number=5)
    queue.pause_queue(home, "lunch")
    for _ in range(2):
        pid = lifecycle.ensure_supervisor(home)
        assert pid is not None
        until(lambda: "lunch" in get_run(home, "x-a-s0-1").why)
        os.kill(pid, signal.SIGKILL)
        wait_unlocked(home.supervisor_lock)
    assert not home.launch(waits).started.exists()
    assert json.loads(home.waiting.read_bytes())[waits] == "the queue is paused: lunch"
    assert view_of(home, waits).state == "queued"
    stop_all(home)


@pytest.mark.parametrize("looks_on", [(), ("run", "watch")])
def test_a_supervisor_that_died_is_replaced_by_whoever_looks_on(
    home: Home, files: LaunchFiles, hold: Hold, wait_unlocked: Wait, looks_on: tuple[str, ...]
) -> None:
    at_work(home, files, hold)
    terminal = open_terminal(home, *looks_on)
    if not looks_on:
        until(lambda: terminal.shows("Experiments"))
        terminal.type("2")
    for _ in range(2):
        until(lambda: lifecycle.supervisor_pid(home) is not None)
        pid = lifecycle.supervisor_pid(home)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_unlocked(home.supervisor_lock)
    terminal.hang_up()
    terminal.process.wait()
    stop_all(home)
