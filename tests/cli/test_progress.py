"""Narration in a pipe: one line per change, none for what stays the same."""

from __future__ import annotations

from typing import Any

import pytest

from wgen_tui.cli.progress import Bars, Lines, clock, detail, follow
from wgen_tui.services.control.watch import Snapshot
from wgen_tui.services.runs.run_state import RunStatus

RUN = RunStatus(
    run_id="x-a-s0-1",
    experiment="x",
    model="m",
    arm="a",
    role="treatment",
    seed=0,
    state="queued",
    stage="train",
    why="waits",
)


def replace(run: RunStatus, **fields: Any) -> RunStatus:
    return RunStatus(**{**dict(run), **fields})


AT_WORK = replace(
    RUN, state="running", why="fp32 on cpu", done=3, total=10, unit="steps", rate=2.0, loss=1.25
)


def story() -> list[Snapshot]:
    states = [
        RUN,
        AT_WORK,
        replace(AT_WORK, done=9, eta_seconds=0.5),
        replace(RUN, stage="sample", steps=10, loss=0.5),
        replace(RUN, stage="sample", state="running", why=""),
        replace(RUN, stage="judge", state="finished", why=""),
    ]
    return [Snapshot((state,)) for state in states]


def test_a_line_per_change() -> None:
    lines: list[str] = []
    narrator = Lines(lines.append)
    for snapshot in story():
        narrator.show(snapshot)
        narrator.show(snapshot)
    assert lines == [
        "train: fp32 on cpu",
        "a, seed 0: train",
        "a, seed 0: train done (10 steps, loss 0.500)",
        "a, seed 0: sample",
        "a, seed 0: sample done",
        "a, seed 0: finished",
    ]


def test_a_workers_note_is_told_once() -> None:
    lines: list[str] = []
    narrator = Lines(lines.append)
    for notes in ((), ("two examples cut",), ("two examples cut", "slow disk")):
        narrator.show(Snapshot((RUN,), notes))
    assert lines == ["Note: two examples cut", "Note: slow disk"]


def test_bars_take_the_same_story(capsys: pytest.CaptureFixture[str]) -> None:
    bars = Bars()
    with bars.display():
        for snapshot in story():
            bars.show(snapshot)
    shown = capsys.readouterr().err
    assert "train" in shown
    assert "1/1 runs" in shown
    assert "fp32 on cpu" in shown


def test_detail_has_count_rate_loss_and_time_left() -> None:
    assert (
        detail(replace(AT_WORK, eta_seconds=3.5)) == "3/10 steps, 2 steps/s, loss 1.250, ETA 0:04"
    )
    assert clock(3725) == "1:02:05"


def test_a_failure_is_told_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    lost = replace(RUN, state="lost", why="the train launch died")
    last = follow([Snapshot((lost,))])
    assert last.failed == (lost,)
    shown = capsys.readouterr().err
    assert "the train launch died" in shown
    assert "wgen-tui run logs x-a-s0-1" in shown
