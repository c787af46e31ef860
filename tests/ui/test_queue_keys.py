"""The queue from Runs: each key on real files, the strip, the supervisor that work waits for."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest
from textual.pilot import Pilot

from tests.builders.home import T0, write_event, write_launch, write_start
from tests.builders.mini_home import MiniHome
from tests.builders.screen import Machine, Snapshot, messages, runs_drawn, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import Stage
from wgen_tui.protocol.queue import Attempt, QueueRecord, read_queue
from wgen_tui.protocol.record import write_record
from wgen_tui.services.control.status import Status
from wgen_tui.services.machine.gpus import Gpu
from wgen_tui.services.runs import queue
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.services.runs.runs import get_run, launches_of
from wgen_tui.services.supervisor import lifecycle
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.dialogs import ConfirmModal
from wgen_tui.ui.state import runs
from wgen_tui.ui.state import status as status_line
from wgen_tui.ui.state.run_views import rows

SIZES = [(80, 24), (120, 40)]


class QueuedWork:
    """Launches that are queued, at work or lost, in a home whose supervisor is somebody else."""

    def __init__(self, mini: MiniHome) -> None:
        self.home = mini.home
        mini.definition()
        self._locks: list[IO[bytes]] = []
        self._number = 0

    def launch(self, run_ids: list[str], stage: Stage = "train") -> str:
        self._number += 1
        name = f"20260102-03040{self._number}-0{stage}"
        write_launch(self.home, name, stage, run_ids, experiment="mini")
        return name

    def start(self, name: str) -> None:
        write_start(self.home.launch(name))

    def at_work(self, name: str) -> None:
        self.lock(self.home.launch(name).log)
        self.start(name)
        write_event(self.home.launch(name), "ready")

    def lose(self, name: str) -> None:
        why = "CUDA: the driver went away. Look at dmesg, or at nvidia-smi, for what it says of it."
        ended = Attempt(number=1, state="lost", reason=why, at=T0)
        record = QueueRecord(failures=1, history=(ended,))
        write_record(self.home.launch(name).queue, record)
        self.start(name)

    def lock(self, path: Path) -> None:
        stream = path.open("a+b")
        fcntl.flock(stream, fcntl.LOCK_EX)
        self._locks.append(stream)

    def supervised(self) -> None:
        """Somebody elsewhere has the supervisor's lock: nothing here starts anything."""
        record = {"pid": 1, "ticks": None, "host": "elsewhere"}
        self.home.supervisor_lock.write_text(json.dumps(record))
        self.lock(self.home.supervisor_lock)

    def priority(self, name: str) -> int:
        return read_queue(self.home.launch(name).queue).priority

    def told(self, name: str) -> list[str]:
        return sorted(path.name for path in self.home.launch(name).control.iterdir())

    def close(self) -> None:
        for stream in self._locks:
            stream.close()


Three = tuple[QueuedWork, list[str], list[str]]


@pytest.fixture
def waiting(mini: MiniHome) -> Iterator[QueuedWork]:
    """Launches of the small experiment; a supervisor that a test leaves is stopped."""
    work = QueuedWork(mini)
    yield work
    work.close()
    if pid := lifecycle.supervisor_pid(work.home):
        os.kill(pid, signal.SIGTERM)


@pytest.fixture
def three(mini: MiniHome, waiting: QueuedWork) -> Three:
    """Two runs in one launch and one in another, all queued; and one that is finished."""
    waiting.supervised()
    runs = [mini.run("old", seed) for seed in range(3)]
    done = mini.run("new", 0, "control")
    mini.launch([done], stage="train")
    return waiting, runs, [waiting.launch(runs[:2]), waiting.launch(runs[2:])]


def pick(app: WgenApp, run_id: str) -> None:
    keys = [table(app).key_at(i) for i in range(len(table(app)))]
    table(app).move_to(keys.index(run_id))


async def test_p_pauses_what_waits_and_goes_on(three: Three) -> None:
    home, (first, *_), (launch, _) = three[0].home, three[1], three[2]
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 5)
        pick(app, first)
        await pilot.press("p")
        await settled(pilot, lambda: "‖ paused" in text(app) and "‖ 1 paused" in text(app))
        assert three[0].told(launch) == [f"pause-{first}"]
        assert "1 run paused; p resumes." in messages(app)
        await settled(pilot, lambda: "p resumes it from its last complete state" in text(app))
        assert "wgen-tui run resume" not in text(app)
        await pilot.press("slash", *"paused", "enter")
        await settled(pilot, lambda: len(table(app)) == 2)
        await pilot.press("escape", "p")
        await settled(pilot, lambda: "1 run resumes from its last complete state." in messages(app))
        await settled(pilot, lambda: "○ 3 queued" in text(app) and "‖" not in text(app))
        assert len(launches_of(home, first)) == 2


async def test_p_lets_what_runs_save_its_state_first(three: Three) -> None:
    files, runs, (launch, other) = three
    files.at_work(launch)
    app = WgenApp(files.home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 5)
        for run in runs:
            table(app).marked.add(run)
        await pilot.press("p")
        await settled(pilot, lambda: any("3 runs paused" in note for note in messages(app)))
        assert files.told(launch) == sorted(f"pause-{run}" for run in runs[:2])
        assert files.told(other) == [f"pause-{runs[2]}"]


async def test_p_r_and_priorities_say_what_does_not_fit(three: Three) -> None:
    app = WgenApp(three[0].home, screen="runs")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 5)
        listed = [table(app).row(i) for i in range(1, 5)]
        table(app).move_to(1 + [row.state for row in listed].index("finished"))
        for key, words in (
            ("p", "can be paused"),
            ("r", "can be retried"),
            ("t", "have no priority"),
        ):
            await pilot.press(key)
            await settled(pilot, lambda words=words: any(words in note for note in messages(app)))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
async def test_a_lost_run_says_why_and_r_goes_on(three: Three, size: tuple[int, int]) -> None:
    files, (first, second, _), (launch, _) = three
    files.lose(launch)
    app = WgenApp(files.home, screen="runs")
    async with app.run_test(size=size) as pilot:
        await settled(pilot, lambda: len(table(app)) == 5)
        pick(app, first)
        await settled(pilot, lambda: "r retries it from its last complete state" in text(app))
        facts = app.screen.query_one("#facts")
        said = facts.content.plain
        assert "CUDA: the driver went away" in said
        assert "for what it says" in said
        assert facts.size.height >= len(said) // facts.size.width, "the cause is wrapped, not cut"
        table(app).marked |= {first, second}
        await pilot.press("r")
        await settled(pilot, lambda: any("2 runs resume" in note for note in messages(app)))
        await settled(pilot, lambda: "○ 3 queued" in text(app))
        assert [get_run(files.home, run).state for run in (first, second)] == ["queued"] * 2


async def test_priorities_are_of_launches_and_shown(three: Three) -> None:
    files, runs, (launch, other) = three
    app = WgenApp(files.home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 5)
        assert "prio" not in text(app)
        pick(app, runs[0])
        await settled(pilot, lambda: "launch 1 of 2 in the queue" in text(app))
        await pilot.press("plus", "plus")
        await settled(pilot, lambda: files.priority(launch) == 2 or "prio" in text(app))
        assert any("1 launch, which serves 2 runs" in note for note in messages(app))
        await settled(pilot, lambda: "prio" in text(app) and "+" in text(app))
        pick(app, runs[2])
        await settled(pilot, lambda: "launch 2 of 2 in the queue" in text(app))
        await pilot.press("t")
        await settled(pilot, lambda: files.priority(other) > files.priority(launch))
        await settled(pilot, lambda: "launch 1 of 2 in the queue" in text(app))
        before = files.priority(other)
        await pilot.press("minus")
        await settled(pilot, lambda: files.priority(other) == before - 1)


async def test_capital_p_stops_the_whole_queue(three: Three) -> None:
    home = three[0].home
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 5)
        await pilot.press("P")
        await settled(pilot, lambda: "‖ queue paused; P resumes it" in text(app))
        assert queue.paused(home) is not None
        await pilot.press("P")
        await settled(pilot, lambda: "queue paused" not in text(app).splitlines()[2])
        assert queue.paused(home) is None
        queue.pause_queue(home, "the box is needed until six")
        await settled(pilot, lambda: "queue paused: the box is needed until six" in text(app))


async def test_keys_are_refused_under_readonly(three: Three) -> None:
    files, runs, (launch, _) = three
    app = WgenApp(files.home, readonly=True, screen="runs")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 5)
        pick(app, runs[0])
        assert "p pause" not in text(app)
        for key in ("p", "r", "plus", "minus", "t", "P"):
            await pilot.press(key)
            await settled(pilot, lambda: "Nothing is changed under --readonly." in messages(app))
        assert not app.screen.is_modal
        assert files.told(launch) == []
        assert files.priority(launch) == 0
        assert queue.paused(files.home) is None


async def test_opening_starts_the_supervisor_that_work_waits_for(
    mini: MiniHome, waiting: QueuedWork
) -> None:
    run = mini.run("old", 0)
    waiting.launch([run], "judge")
    app = WgenApp(waiting.home)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: lifecycle.supervisor_pid(waiting.home) is not None)
        await settled(pilot, lambda: any("Started a supervisor" in n for n in messages(app)))


async def test_readonly_says_that_nobody_works(mini: MiniHome, waiting: QueuedWork) -> None:
    waiting.launch([mini.run("old", 0)], "judge")
    app = WgenApp(waiting.home, readonly=True, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "✗ no supervisor" in text(app))
        await settled(
            pilot, lambda: any("--readonly starts none" in note for note in messages(app))
        )
        assert not waiting.home.supervisor_log.exists()


async def test_nothing_is_started_when_nothing_waits(home: Home) -> None:
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "cpu" in text(app))
        assert "supervisor" not in text(app)
        assert not home.supervisor_log.exists()


async def test_cancelling_asks_and_names_the_key_that_goes_on(three: Three) -> None:
    files, runs, _ = three
    app = WgenApp(files.home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 5)
        pick(app, runs[2])
        await pilot.press("c")
        await settled(pilot, lambda: isinstance(app.screen, ConfirmModal))
        assert "r resumes from them" in text(app)
        await pilot.press("y")
        await settled(pilot, lambda: "⊘ cancelled" in text(app))


def test_the_program_is_there_before_psutil_is() -> None:
    code = "import sys, wgen_tui.ui.app; print({'psutil', 'pynvml', 'duckdb'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


# The strip without a screen


MakeStatus = Callable[..., Status]


def lines(status: Status, size: tuple[int, int], **more: Any) -> list[str]:
    return status_line.strip(status, size, **more).plain.splitlines()


@pytest.fixture
def make_status(machine: Machine, tmp_path: Path) -> MakeStatus:
    """`make_status(gpus=..., pause=..., orphaned=...)` of the machine that is always the same."""

    def make(**fields: Any) -> Status:
        given = {key: fields.pop(key) for key in ("gpus",) if key in fields}
        return Status(replace(machine(tmp_path), **given), **fields)

    return make


def test_the_strip_is_short_in_80_columns_and_rich_in_160(make_status: MakeStatus) -> None:
    assert lines(make_status(), (80, 24)) == [
        " cpu 42% · mem 3.1/23 GB · disk 76 GB · GPU0 81% 11/22"
    ]
    first, second = lines(make_status(), (160, 48))
    assert "disk 76 of 252 GB free" in first
    assert second.startswith(" GPU0 NVIDIA A10G")
    assert "81%" in second
    assert "11 of 22 GB · 1 process" in second


def test_many_gpus_are_one_number_where_they_do_not_fit(make_status: MakeStatus) -> None:
    eight = tuple(Gpu(n, f"GPU-{n}", "H100", 81_559, 1_559, 10 * n) for n in range(8))
    assert lines(make_status(gpus=eight), (80, 24))[0].endswith("8 GPUs 35% 625/637 GB")
    assert len(lines(make_status(gpus=eight), (160, 48))) == 6
    assert lines(make_status(gpus=eight), (160, 48))[-1].startswith(" 4 more GPUs 55%")


def test_what_keeps_work_from_being_done_comes_first(make_status: MakeStatus) -> None:
    paused = make_status(pause=queue.Pause("2026-01-02", "why\x1b[31m"), orphaned=True)
    (line,) = lines(paused, (80, 24))
    assert line.startswith(
        " ‖ queue paused: why␛[31m; P resumes it · ✗ no supervisor; starting one"
    )
    (line,) = lines(make_status(orphaned=True), (120, 24), supervisor_error="It did not start.")
    assert line.startswith(" ✗ no supervisor: It did not start. · cpu")


def run_status(**fields: Any) -> RunStatus:
    base: dict[str, Any] = {
        "run_id": "r",
        "experiment": "e",
        "model": "m",
        "arm": "a",
        "role": "base",
        "seed": 0,
    }
    return RunStatus(**{**base, "state": "queued", **fields})


def test_places_count_launches_that_wait_in_their_order() -> None:
    found = runs.places(
        [
            run_status(launch_id="b"),
            run_status(launch_id="c", priority=1),
            run_status(launch_id="d", paused=True),
            run_status(launch_id="a"),
            run_status(launch_id="a", state="running"),
        ]
    )
    assert found == {"c": 1, "b": 2}


def test_attempts_and_what_is_left_are_named() -> None:
    again = run_status(state="running", launch_id="x", attempt=2, why="", eta_seconds=90.0)
    assert rows.why_of(again) == "attempt 2"
    assert "attempt 2" in runs.facts(again).plain
    shorter = run_status(state="running", eta_seconds=30.0)
    assert runs.summary([again, shorter]) == "2 runs: ▶ 2 running · 1m30s left in this stage"


def test_memory_is_told_beside_its_estimate() -> None:
    card = runs.launch_facts(
        run_status(launch_id="x", gpus=("GPU-1",), memory_mb=412, peak_memory_mb=3200.0)
    )
    assert "on GPU-1" in card.plain
    assert "memory: estimate 412 MB, peak 3.1 GB" in card.plain


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_snapshot(
    three: Three, snap_compare: Snapshot, size: tuple[int, int], machine: Machine
) -> None:
    files, names, (launch, other) = three
    files.lose(launch)
    queue.reprioritise(files.home, [other], None, 1)
    queue.pause_queue(files.home, "the box is needed")
    app = WgenApp(files.home, screen="runs", machine=machine)

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: len(table(app)) == 5 and "cpu" in text(app))
        pick(app, names[0])
        await settled(pilot, lambda: "r retries it" in text(app))
        await settled(pilot, lambda: runs_drawn(app))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
