"""Courses and glimpses of trainings, from real files that grow."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.builders.file_reads import files_opened
from wgen_tui.paths import Home
from wgen_tui.services.runs.measured import courses, glimpses
from wgen_tui.services.runs.measured.courses import Courses
from wgen_tui.services.runs.measured.glimpses import MOST_BYTES, Glimpses


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


def write(home: Home, run_id: str, first: int, last: int, scale: float = 1.0) -> Path:
    """Steps of a training of 100,000 whose loss is `scale` / step."""
    path = home.run(run_id).metrics
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        for step in range(first, last + 1):
            row = {"step": step, "steps": 100_000, "epoch": 0.1, "loss": scale / step, "tokens": 9,
                   "learning_rate": 1e-3, "grad_norm": None if step == 1 else 2.0,
                   "tokens_per_second": 7.5, "at": "2026-01-02T03:04:05Z"}  # fmt: skip
            stream.write(json.dumps(row) + "\n")
    return path


def test_a_course_grows_and_its_newer_line_counts(home: Home) -> None:
    reader = Courses(home)
    assert reader.read("r") is None
    path = write(home, "r", 1, 3)
    with path.open("a") as stream:
        stream.write('{"step": 4, "steps": 100000, "loss": nu')  # still being written
    first = reader.read("r")
    assert first is not None and first.steps == 100_000
    assert [point.step for point in first.points] == [1, 2, 3]
    assert math.isnan(first.points[0].grad_norm)
    with path.open("a") as stream:
        stream.write('ll, "learning_rate": 0.1}\n')
    write(home, "r", 3, 3, scale=9.0)
    second = reader.read("r")
    assert second is not None
    assert [point.step for point in second.points] == [1, 2, 3, 4]
    assert second.points[2].loss == 3.0
    assert math.isnan(second.points[3].loss), "a loss that is none is null in the file"
    with files_opened() as opened:
        assert reader.read("r") is second
    assert path not in opened
    path.unlink()
    write(home, "r", 1, 1)
    again = reader.read("r")
    assert again is not None and len(again.points) == 1


def test_few_courses_are_kept(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courses, "KEPT", 2)
    reader = Courses(home)
    for name in "abc":
        write(home, name, 1, 2)
        reader.read(name)
    with files_opened() as opened:
        for name in "cb":
            reader.read(name)
    assert not [path for path in opened if path.name == "metrics.jsonl"]
    with files_opened() as opened:
        reader.read("a")
    assert home.run("a").metrics in opened


def test_a_glimpse_of_a_long_training_reads_little(home: Home) -> None:
    short, long = write(home, "short", 1, 20), write(home, "long", 1, 20_000)
    assert short.stat().st_size < MOST_BYTES < long.stat().st_size / 50
    reader = Glimpses(home)
    seen = reader.read(["short", "long", "none"])
    assert seen["none"] == glimpses.NOTHING
    assert len(seen["short"].losses) == 20
    losses = seen["long"].losses
    assert glimpses.PLACES - 2 <= len(losses) <= glimpses.PLACES
    assert losses == tuple(sorted(losses, reverse=True)), "in the order of the steps"
    assert losses[-1] == 1 / 20_000, "the newest step is among them"
    assert (seen["long"].grad_norm, seen["long"].tokens_per_second) == (2.0, 7.5)
    with files_opened() as opened:
        assert reader.read(["long"])["long"] is seen["long"]
    assert long not in opened
