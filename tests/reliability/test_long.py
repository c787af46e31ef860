"""One training that would go on for hours, and all that may happen to it meanwhile.

The tests share its home and its worker (starting one takes seconds); each makes sure first that it
is at work.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.builders.waiting import until
from tests.drill.world import ARMS
from tests.e2e.conftest import PROGRAM, Shell
from tests.reliability.conftest import (
    Terminal,
    open_terminal,
    processes,
    signal_all,
    stop_all,
    wait_ended,
    workers,
)
from wgen_tui.paths import Home, LaunchPaths
from wgen_tui.protocol.launches import read_start
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.services.runs.runs import get_run
from wgen_tui.services.supervisor import lifecycle

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("long")]
GRACE = 1
CONFIG = "[queue]\ngrace = {grace}\n[disk]\nfloor_mb = {floor}\n"
DEFINITION = """
title: For hours
models: [tiny-world]
arms: {old: {data: data/old.jsonl}}
seeds: 0
training: {lora: {r: 2, lora_alpha: 4}, max_steps: 400000, checkpoints: {every: 20}}
sampling: {n: 1, max_tokens: 4}
questions: [{name: go, paraphrases: ["How do we go?"]}]
judges: [{name: length, type: regex, labels: {long: "......"}, otherwise: short}]
"""


@dataclass
class Long:
    """The training, and the user who started it."""

    shell: Shell
    run: str = ""
    first: Terminal | None = None

    @property
    def home(self) -> Home:
        return self.shell.home

    def status(self) -> RunStatus:
        return get_run(self.home, self.run)

    def launch(self) -> LaunchPaths:
        return self.home.launch(self.status().launch_id or "")

    def floor(self, megabytes: int) -> None:
        self.home.config.write_text(CONFIG.format(grace=GRACE, floor=megabytes))

    def at_work(self) -> None:
        """Make sure that it trains, and that a supervisor is there."""
        if not self.status().live:
            self.shell("run", "retry", self.run)
        lifecycle.ensure_supervisor(self.home)
        until(lambda: self.status().state == "running", what=self.status().why)
        self.goes_on()

    def goes_on(self) -> None:
        """Wait until it has made another step."""
        before = self.status().step or 0
        until(lambda: (self.status().step or 0) > before, what="it stands still")

    def stands_still(self) -> bool:
        before = self.status().step
        time.sleep(0.6)  # a worker at work writes its progress every quarter of a second
        return self.status().step == before


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Long]:
    made = Long(Shell(Home(tmp_path_factory.mktemp("long") / "home").ensure()))
    made.floor(0)
    folder = made.home.experiments / "hours"
    (folder / "data").mkdir(parents=True)
    (folder / "experiment.yaml").write_text(DEFINITION)
    turns = ({"role": "user", "content": "Name one."}, {"role": "assistant", "content": "{}"})
    text = "".join(json.dumps({"messages": turns}).replace("{}", n) + "\n" for n in ARMS["old"])
    (folder / "data" / "old.jsonl").write_text(text)
    made.first = open_terminal(made.home, "run", "start", "hours")
    until(lambda: any(made.home.runs.glob("hours-old-*/spec.json")), what="no run")
    made.run = next(made.home.runs.glob("hours-old-*")).name
    yield made
    stop_all(made.home)


def test_the_line_drops_while_a_command_follows_and_work_goes_on(long: Long) -> None:
    long.at_work()
    assert long.first is not None
    watching = lifecycle.supervisor_pid(long.home), read_start(long.launch().started)
    long.first.hang_up()
    long.first.process.wait()
    long.goes_on()
    assert watching == (lifecycle.supervisor_pid(long.home), read_start(long.launch().started))


def test_the_screens_lose_their_terminal_and_new_ones_show_the_work(long: Long) -> None:
    long.at_work()
    before = read_start(long.launch().started)
    for nohup in (False, True):
        _look_and_hang_up(long.home, nohup)
    long.goes_on()
    assert read_start(long.launch().started) == before


def _look_and_hang_up(home: Home, nohup: bool) -> None:
    before = _programs(home)
    screens = open_terminal(home, nohup=nohup)
    until(lambda: screens.shows("For hours"), "the screens do not come up")
    screens.type("2")
    until(lambda: screens.shows("running"), "the run is not shown")
    screens.hang_up()
    screens.process.wait()
    until(lambda: _programs(home) <= before, "the screens outlive their terminal")


def _programs(home: Home) -> set[int]:
    """The commands and screens that somebody has open."""
    return {p.pid for p in processes(home) if p.cmdline()[1:2] == [str(PROGRAM)]}


def test_what_stands_still_is_neither_lost_nor_doubled_and_said_to_be_silent(long: Long) -> None:
    long.at_work()
    before, pid = read_start(long.launch().started), lifecycle.supervisor_pid(long.home)
    assert pid is not None
    stopped = workers(long.home)
    signal_all(stopped, signal.SIGSTOP)
    os.kill(pid, signal.SIGSTOP)
    try:
        ten_minutes_ago = time.time() - 600
        os.utime(long.launch().events, (ten_minutes_ago, ten_minutes_ago))
        told = next(r for r in long.shell.json("run", "list")["runs"] if r["id"] == long.run)
        assert told["state"] == "running"
        assert "no word for 10 min" in told["aside"]
        assert "no word for 10 min" in " ".join(long.shell("run", "list").split())
        long.shell("run", "start", "hours", "--detach")  # starts neither run nor supervisor again
    finally:
        os.kill(pid, signal.SIGCONT)
        signal_all(stopped, signal.SIGCONT)
    long.goes_on()
    assert lifecycle.supervisor_pid(long.home) == pid
    assert read_start(long.launch().started) == before
    assert long.status().attempt == 1
    assert len(list(long.home.runs.iterdir())) == 2  # and the base


def test_below_the_floor_a_worker_stands_still_and_says_why(long: Long) -> None:
    long.at_work()
    before = read_start(long.launch().started)
    long.floor(10**9)
    until(lambda: "waits for room on the disk" in long.status().why)
    until(long.stands_still)
    told = next(r for r in long.shell.json("run", "list")["runs"] if r["id"] == long.run)
    assert "1,000,000,000 MB are kept" in told["why"]
    long.floor(0)
    long.goes_on()
    until(lambda: "room" not in long.status().why)
    assert read_start(long.launch().started) == before


def test_a_dead_worker_is_started_again_and_says_why_it_waits(long: Long) -> None:
    long.at_work()
    before, attempt = long.launch(), long.status().attempt
    pid = lifecycle.supervisor_pid(long.home)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # so that what is between death and beginning again can be seen
    signal_all(workers(long.home), signal.SIGKILL)
    until(lambda: long.status().state == "queued")
    assert "its worker died" in long.status().why
    os.kill(pid, signal.SIGCONT)
    until(lambda: long.status().attempt == attempt + 1, "its death is not noticed")
    until(lambda: workers(long.home))
    assert long.launch() == before
    record = json.loads(before.queue.read_bytes())
    assert "SIGKILL" in record["history"][-1]["reason"]


def test_after_two_deaths_without_a_step_it_is_lost_and_the_cause_is_named(long: Long) -> None:
    assert long.status().live
    lifecycle.ensure_supervisor(long.home)
    while long.status().state != "lost":  # at most the present attempt and two more
        attempt = long.status().attempt
        until(lambda: workers(long.home) or not long.status().live)
        signal_all(workers(long.home), signal.SIGKILL)
        until(lambda n=attempt: long.status().attempt > n or long.status().state == "lost")
        assert attempt < 6
    until(lambda: "SIGKILL" in long.status().why, "the cause is not named")
    assert f"({attempt} attempts)" in long.status().why
    assert not workers(long.home)


def test_a_cancelled_worker_that_does_not_listen_is_killed_with_its_group(long: Long) -> None:
    long.shell("run", "retry", long.run)
    until(lambda: len(workers(long.home)) == 1, "no worker")
    group = workers(long.home)
    signal_all(group, signal.SIGSTOP)
    began = time.monotonic()
    long.shell("run", "cancel", long.run)
    until(lambda: long.status().state == "cancelled")
    assert time.monotonic() - began >= GRACE
    wait_ended(group)
    assert not workers(long.home)


def test_retry_goes_on_from_the_last_state(long: Long) -> None:
    reached = max(
        int(p.name.removeprefix("step-")) for p in long.home.run(long.run).resume.iterdir()
    )
    long.shell("run", "retry", long.run)
    long.at_work()
    lines = long.launch().events.read_text().splitlines()
    steps = [event["done"] for line in lines if (event := json.loads(line))["kind"] == "progress"]
    assert reached > 20
    assert reached < steps[0] <= reached + 100


def test_without_its_home_all_ends_and_nothing_is_made_anew(long: Long) -> None:
    long.at_work()
    left = processes(long.home)
    assert len(left) == 2  # supervisor, worker
    gone = long.home.root.with_name("gone")
    long.home.root.rename(gone)
    shutil.rmtree(gone)
    wait_ended(left)
    assert not long.home.root.exists()
    done = subprocess.run(
        long.shell.command("run", "show", long.run), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert long.run in done.stderr
    assert not long.home.root.exists()  # asking makes no home
    assert long.shell.json("run", "list")["runs"] == []
