"""What killed processes left goes, and nothing that a process may still want."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wgen_tui.paths import Home
from wgen_tui.services.supervisor.leftovers import leftovers, sweep

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles

Hold = Callable[[Path], subprocess.Popen[str]]
LONG_AGO = (1e9, 1e9)


@pytest.fixture
def dead() -> int:
    """The id of a process that is gone."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def put(path: Path, *, folder: bool = False) -> Path:
    """Leave something that was last written long ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if folder:
        (path / "sub").mkdir(parents=True)
        (path / "sub" / "file").touch()
        for item in (path / "sub" / "file", path / "sub"):
            os.utime(item, LONG_AGO)
    else:
        path.touch()
    os.utime(path, LONG_AGO)
    return path


def test_what_is_nobodys_goes(home: Home, files: LaunchFiles, dead: int) -> None:
    run = home.run(files.run())
    launch = home.launch(files.launch("train", [run.root.name]))
    left = [
        put(home.root / f".queue.json.{dead}.tmp"),
        put(run.root / f".spec.json.{dead}.tmp"),
        put(run.samples / f".part-a-00000.parquet.{dead}.tmp"),
        put(run.checkpoints / ".step-4.tmp", folder=True),
        put(launch.root / f".done.json.{dead}.tmp"),
        put(home.runs / f".new-{dead}-x-b-s0-1", folder=True),
        put(home.runs / f".removed-{dead}-x-c-s0-1", folder=True),
        put(home.launches / f".new-{dead}-one", folder=True),
    ]
    named = sorted(str(path.relative_to(home.root)) for path in left)
    assert leftovers(home) == named
    assert sweep(home) == named
    assert not any(path.exists() for path in left)
    assert leftovers(home) == []
    assert run.spec.exists()
    assert launch.spec.exists()


def test_what_may_be_wanted_stays(home: Home, files: LaunchFiles, dead: int) -> None:
    run = home.run(files.run())
    fresh = run.root / f".spec.json.{dead}.tmp"
    fresh.touch()
    grown = put(run.checkpoints / ".step-4.tmp", folder=True)
    (grown / "sub" / "file").write_text("just now")
    put(run.root / f".spec.json.{os.getpid()}.tmp")
    put(home.experiments / "mine" / f".notes.{dead}.tmp")
    put(home.root / "models" / f".new-{dead}-one", folder=True)
    put(run.root / ".anything.tmp")
    before = sorted(home.root.rglob("*"))
    assert sweep(home) == []
    assert sorted(home.root.rglob("*")) == before


def test_a_worker_keeps_what_is_of_its_run_and_launch(
    home: Home, files: LaunchFiles, hold: Hold, dead: int
) -> None:
    """It may be another machine's, whose process ids say nothing here."""
    run = home.run(files.run())
    launch = home.launch(files.launch("train", [run.root.name]))
    left = [
        put(run.checkpoints / ".step-4.tmp", folder=True),
        put(run.samples / f".part-a-00000.parquet.{dead}.tmp"),
        put(launch.root / f".done.json.{dead}.tmp"),
    ]
    worker = hold(launch.log)
    assert sweep(home) == []
    assert all(path.exists() for path in left)
    worker.kill()
    worker.wait()
    assert len(sweep(home)) == len(left)
