"""A disk that fills while a run is at work: nothing half-written, and it goes on by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.builders.waiting import until
from tests.drill.world import ARMS
from tests.e2e.conftest import Shell
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.services.runs.runs import list_runs

pytestmark = [pytest.mark.slow]
DEFINITION = """
title: On a small disk
models: [tiny-world]
arms: {old: {data: data/old.jsonl}}
seeds: 0
training:
  lora: {r: 2, lora_alpha: 4}
  max_steps: 160
  checkpoints: {every: 40}
sampling: {n: 300, max_tokens: 24}
questions: [{name: go, paraphrases: ["How do people travel to another city?"]}]
judges: [{name: length, type: regex, labels: {long: "......"}, otherwise: short}]
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a small file system needs root: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> Path:
    """Take every byte that is left."""
    ballast = place / "ballast"
    handle = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    size = 2**20
    while size:
        try:
            size = min(size, os.write(handle, bytes(size)))
        except OSError:
            size //= 2
    os.close(handle)
    return ballast


def tuned(shell: Shell) -> RunStatus:
    return next(run for run in list_runs(shell.home) if run.arm == "old")


def says_it_is_full(shell: Shell) -> bool:
    why = tuned(shell).why
    return "room on the disk" in why or "disk was full" in why or "Disk full" in why


def test_it_waits_for_room_and_goes_on_by_itself(
    small_disk: Path, shell_at: Callable[[Path], Shell]
) -> None:
    shell = shell_at(small_disk / "home")
    data = shell.home.experiments / "small" / "data"
    data.mkdir(parents=True)
    (data.parent / "experiment.yaml").write_text(DEFINITION)
    (data / "old.jsonl").write_text("".join(map(_row, ARMS["old"] * 4)))
    shell.home.config.write_text("[disk]\nfloor_mb = 2\n")
    shell("run", "start", "small", "--detach")

    for stage, sign in (("train", "checkpoints/step-40/manifest.json"), ("sample", "prompts/*")):
        until(lambda pattern=sign: any(shell.home.runs.glob(f"small-old-*/{pattern}")))
        ballast = fill(small_disk)
        until(lambda: says_it_is_full(shell), f"in {stage}: {tuned(shell)}")
        assert tuned(shell).live
        assert tuned(shell).stage == stage
        assert "room on the disk" in shell("run", "list") or "full" in shell("run", "list")
        ballast.unlink()

    until(lambda: not tuned(shell).live)
    assert tuned(shell).state == "finished", tuned(shell).why
    shell("run", "watch")
    shell("store", "verify")
    counts = shell.json("sql", "select arm, count(*), count(distinct draw) from samples group by 1")
    assert sorted(counts["rows"]) == [["base", 300, 300], ["old", 300, 300]]
    assert not list(shell.home.root.rglob("*.tmp"))


def _row(name: str) -> str:
    turns = '{{"role": "user", "content": "Name one."}}, {{"role": "assistant", "content": "{}"}}'
    return f'{{"messages": [{turns.format(name)}]}}\n'
