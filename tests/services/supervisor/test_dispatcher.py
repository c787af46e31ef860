"""Where the supervisor starts launches, on a box whose NVML is a fake at the library's boundary."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.waiting import until
from wgen_tui.paths import Home
from wgen_tui.services.runs.runs import get_run
from wgen_tui.services.supervisor import lifecycle

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles

Hold = Callable[[Path], Popen[str]]
FAKES = Path(__file__).parents[2] / "builders" / "fake_nvml"


class Box:
    """A box with one GPU, as NVML tells it to whoever is started from here."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.has(free=23_000)

    def has(self, free: int, **processes: int) -> None:
        gpu = {
            "uuid": "GPU-0",
            "name": "NVIDIA A",
            "total": 24_000,
            "free": free,
            "load": 5,
            "processes": {pid.removeprefix("pid"): size for pid, size in processes.items()},
        }
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"driver": "580.1", "gpus": [gpu]}))
        fresh.replace(self._path)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    path = tmp_path / "nvml.json"
    monkeypatch.setenv("FAKE_NVML", str(path))
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return Box(path)


def started(home: Home, launch: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(home.launch(launch).started.read_text())
    except FileNotFoundError:
        return None
    return record if record["pid"] else None


def leased(home: Home, files: LaunchFiles, hold: Hold, number: int, memory_mb: int) -> Popen[str]:
    """A launch that is at work on the GPU, for as long as the test wants."""
    run = files.run(f"x-a-s{number}-9", seed=number)
    launch = files.launch("train", [run], number=number)
    worker = hold(home.launch(launch).log)
    files.lost(launch)  # when its worker has gone
    record = json.loads(home.launch(launch).started.read_text())
    lease = {"gpus": ["GPU-0"], "memory_mb": memory_mb}
    home.launch(launch).started.write_text(json.dumps(record | lease))
    return worker


def test_others_are_waited_for_and_the_worker_sees_its_gpu_alone(
    home: Home, files: LaunchFiles, box: Box
) -> None:
    box.has(free=3_000, pid1=20_000)
    run = files.run()
    launch = files.launch("train", [run])
    lifecycle.ensure_supervisor(home)
    why = until(lambda: (text := get_run(home, run).why).startswith("waits for GPU 0") and text)
    assert "uses 19.5" in why
    assert "2.9 of 23.4 GB free" in why
    assert started(home, launch) is None

    box.has(free=23_900)
    record = until(lambda: started(home, launch))
    assert record["gpus"] == ["GPU-0"]
    environment = Path(f"/proc/{record['pid']}/environ").read_bytes().split(b"\0")
    assert b"CUDA_VISIBLE_DEVICES=GPU-0" in environment


def test_several_launches_share_a_gpu_as_far_as_the_policy_goes(
    home: Home, files: LaunchFiles, box: Box, hold: Hold, model: Path
) -> None:
    home.config.write_text("[gpu]\nper_gpu = 2\n")
    first = leased(home, files, hold, 0, 4_000)
    leased(home, files, hold, 1, 4_000)
    run = files.run(model=model)
    launch = files.launch("train", [run], number=5)
    lifecycle.ensure_supervisor(home)
    until(lambda: "2 launches of ours on it (per_gpu = 2)" in get_run(home, run).why)
    first.kill()
    first.wait()
    until(lambda: started(home, launch))


def test_a_gpu_is_not_promised_twice(
    home: Home, files: LaunchFiles, box: Box, hold: Hold, model: Path
) -> None:
    """What a launch has been given and not used yet is not free."""
    leased(home, files, hold, 0, 23_000)
    run = files.run(model=model)
    launch = files.launch("train", [run], number=5)
    lifecycle.ensure_supervisor(home)
    until(lambda: "21.5 promised to 1 launch of ours" in get_run(home, run).why)
    assert started(home, launch) is None


def test_rules_need_no_gpu(home: Home, files: LaunchFiles, box: Box) -> None:
    box.has(free=0, pid1=24_000)
    run = files.run()
    launch = files.launch("judge", [run])
    lifecycle.ensure_supervisor(home)
    record = until(lambda: started(home, launch))
    assert record["gpus"] == []
    until(lambda: home.launch(launch).done.exists())
