"""What screens ask at intervals: the machine, the queue, and whether anybody works."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING

import pytest

from tests.builders.file_reads import files_opened
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.services.control.status import StatusPoller
from wgen_tui.services.machine import host
from wgen_tui.services.runs import process, queue
from wgen_tui.services.runs.runs import get_run, list_runs

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles

Hold = Callable[[Path], Popen[str]]


def test_work_is_orphaned_while_it_waits_and_nobody_sees_to_it(
    home: Home, files: LaunchFiles, hold: Hold
) -> None:
    desk = StatusPoller(home)
    assert not desk.orphaned()
    run = files.run()
    files.chain([run])
    assert desk.poll().orphaned
    queue.pause_queue(home, "why")
    look = desk.poll()
    assert look.pause is not None
    assert look.pause.why == "why"
    assert not look.orphaned  # nothing would be started
    queue.resume_queue(home)
    assert desk.orphaned()
    hold(home.supervisor_lock)
    assert not desk.orphaned()


def test_launches_that_were_listed_are_not_read_again(home: Home, files: LaunchFiles) -> None:
    files.chain([files.run()])
    assert list_runs(home)
    with files_opened() as read:
        assert StatusPoller(home).orphaned()
    assert not [path for path in read if path.name == "launch.json"]


def test_the_cpu_is_measured_between_looks_of_any_thread(home: Home) -> None:
    found: list[float] = []
    host.load(home.root)
    sum(range(5_000_000))  # for longer than the kernel's clock ticks
    thread = threading.Thread(target=lambda: found.append(host.load(home.root).cpu_percent))
    thread.start()
    thread.join()
    assert 0 < found[0] <= 100


def test_what_has_ended_still_says_what_it_waited(home: Home, files: LaunchFiles) -> None:
    run = files.run()
    train = files.launch("train", [run])
    files.started(train)
    files.done(train, {run: "finished"})
    assert get_run(home, run).waited_seconds == 0.0


def test_a_worker_on_a_cpu_is_told_its_threads(
    home: Home, files: LaunchFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    run = files.run()

    def spec(name: str) -> LaunchSpec:
        return LaunchSpec.model_validate_json(home.launch(name).spec.read_bytes())

    train, judge = spec(files.launch("train", [run])), spec(files.launch("judge", [run]))
    assert int(process.environment(train)["OMP_NUM_THREADS"]) >= 1
    assert "OMP_NUM_THREADS" not in process.environment(judge)
    assert "OMP_NUM_THREADS" not in process.environment()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert process.environment(train)["OMP_NUM_THREADS"] == "3"
