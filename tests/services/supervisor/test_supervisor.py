"""The supervisor as a real process: one per home, replaceable, gone when idle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from wgen_tui.paths import Home
from wgen_tui.services.control.watch import watch
from wgen_tui.services.runs.runs import get_run
from wgen_tui.services.supervisor import lifecycle

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles

Hold = Callable[[Path], subprocess.Popen[str]]
Wait = Callable[[Path], None]
ENSURE = """
import sys
from pathlib import Path
import duckdb

from wgen_tui.paths import Home
from wgen_tui.services.supervisor import lifecycle
print(lifecycle.ensure_supervisor(Home(Path(sys.argv[1]))))
"""


def running(home: Home, files: LaunchFiles, hold: Hold) -> tuple[str, subprocess.Popen[str]]:
    """A run whose launch is at work in another process, for as long as the test wants."""
    run = files.run()
    train = files.launch("train", [run])
    worker = hold(home.launch(train).log)
    files.started(train)
    return run, worker


def test_two_at_once_start_one(home: Home, files: LaunchFiles, hold: Hold) -> None:
    running(home, files, hold)
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", ENSURE, str(home.root)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    first, second = (int(command.communicate()[0]) for command in commands)
    assert first == second == lifecycle.supervisor_pid(home)


def test_a_killed_supervisor_is_replaced_and_the_worker_adopted(
    home: Home, files: LaunchFiles, hold: Hold, wait_unlocked: Wait
) -> None:
    run, worker = running(home, files, hold)
    started = home.launch(get_run(home, run).launch_id or "").started.read_bytes()
    first = lifecycle.ensure_supervisor(home)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_unlocked(home.supervisor_lock)
    assert lifecycle.supervisor_pid(home) is None

    second = lifecycle.ensure_supervisor(home)
    assert second is not None
    assert second != first
    assert worker.poll() is None
    assert get_run(home, run).state == "starting"
    assert home.launch(get_run(home, run).launch_id or "").started.read_bytes() == started


def test_it_has_a_session_of_its_own(home: Home, files: LaunchFiles, hold: Hold) -> None:
    running(home, files, hold)
    pid = lifecycle.ensure_supervisor(home)
    assert pid is not None
    assert os.getsid(pid) == pid != os.getsid(0)
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path("/dev/null")


def test_sigterm_ends_it_and_leaves_the_worker(
    home: Home, files: LaunchFiles, hold: Hold, wait_unlocked: Wait
) -> None:
    run, worker = running(home, files, hold)
    pid = lifecycle.ensure_supervisor(home)
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    wait_unlocked(home.supervisor_lock)
    assert worker.poll() is None
    assert get_run(home, run).live


def test_it_ends_when_nothing_is_left(home: Home, files: LaunchFiles, wait_unlocked: Wait) -> None:
    run = files.run()
    train = files.launch("train", [run])
    files.launch("sample", [run], (train,), number=1)
    files.lost(train)  # what comes after can never start
    left = home.run(run).checkpoints / ".step-4.tmp"  # of a worker that was killed
    left.mkdir(parents=True)
    os.utime(left, (1e9, 1e9))
    pid = lifecycle.ensure_supervisor(home)
    assert pid is not None
    wait_unlocked(home.supervisor_lock)
    assert lifecycle.supervisor_pid(home) is None
    assert get_run(home, run).state == "lost"
    assert not left.exists()


def test_launches_run_one_after_the_other(home: Home, files: LaunchFiles, hold: Hold) -> None:
    """A queued launch waits while another works, and starts when that one has died."""
    _, worker = running(home, files, hold)
    other = files.run("x-b-s0-1", arm="b")
    judge = files.launch("judge", [other], number=7)
    lifecycle.ensure_supervisor(home)
    snapshots = watch(home, [other])
    assert next(snapshots).runs[0].state == "queued"
    assert not home.launch(judge).started.exists()
    worker.kill()
    worker.wait()
    *_, last = snapshots
    assert home.launch(judge).started.exists()
    assert not last.live


def test_a_worker_that_cannot_begin_is_lost_with_its_last_words(
    home: Home, files: LaunchFiles
) -> None:
    run = files.run()
    launch = files.launch("train", [run], accelerate={"num_processes": "many"})
    lifecycle.ensure_supervisor(home)
    *_, last = watch(home, [run])
    (status,) = last.runs
    assert status.state == "lost"
    assert home.launch(launch).log.read_text().strip().splitlines()[-1] in status.why
    assert last.failed == last.runs


def test_what_has_ended_is_in_the_database_when_it_ends(
    home: Home, files: LaunchFiles, wait_unlocked: Wait
) -> None:
    run = files.run()
    files.launch("judge", [run])
    lifecycle.ensure_supervisor(home)
    *_, last = watch(home, [run])
    assert last.runs[0].state == "failed"  # the worker found no samples, and said so
    assert "no samples" in last.runs[0].why
    wait_unlocked(home.supervisor_lock)
    with duckdb.connect(str(home.database), read_only=True) as con:
        assert con.execute("select run_id from runs").fetchall() == [(run,)]
