"""The GPU that launches are placed on: the real one, or on a CPU one that a fake NVML tells of.

`fill` has another process take nearly all of its memory, `release` gives it back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch

from tests.gpu.session import Session
from wgen_tui.services.machine.gpus import probe

LEAVES = 512 << 20  # bytes free beside the other process: less than any launch is promised
ROOT = Path(__file__).parents[2]
FAKE = ROOT / "tests" / "builders" / "fake_nvml"
HOLDER = f"""
import sys, torch
torch.ones(1, device="cuda")
free, _ = torch.cuda.mem_get_info()
block = torch.empty(free - {LEAVES}, dtype=torch.uint8, device="cuda")
print("held", flush=True)
sys.stdin.read()
"""


class RealBox:
    """A GPU, of which a child of ours takes the memory."""

    def __init__(self) -> None:
        self._holder: subprocess.Popen[str] | None = None

    def fill(self) -> None:
        self._holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        said = self._holder.stdout.readline()
        assert said == "held\n", "the other process could not take the memory"

    def release(self) -> None:
        if self._holder is not None:
            self._holder.communicate()  # its stdin ends, and so does it
            self._holder = None


class FakeBox:
    """A box as NVML would tell of it: the processes that are started from here read it."""

    uuid = "GPU-0"

    def __init__(self, path: Path) -> None:
        self._path = path
        self.release()

    def fill(self) -> None:
        self._tell(free=LEAVES >> 20, processes={"1": 23_000})

    def release(self) -> None:
        self._tell(free=23_900, processes={})

    def _tell(self, free: int, processes: dict[str, int]) -> None:
        gpu = {"uuid": self.uuid, "total": 24_000, "free": free, "processes": processes}
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"gpus": [gpu]}))
        fresh.replace(self._path)


@contextmanager
def box(session: Session) -> Iterator[RealBox | FakeBox]:
    """The box, for as long as launches are placed on it."""
    made: RealBox | FakeBox
    paths = [str(ROOT)]  # what is started from here finds the checkout
    environment = {}
    if session.on_gpu:
        torch.cuda.empty_cache()  # what we keep, nobody else can have
        made = RealBox()
        if len(probe()) > 1:  # others than the one that is filled
            uuid = torch.cuda.get_device_properties(torch.cuda.current_device()).uuid
            environment["CUDA_VISIBLE_DEVICES"] = f"GPU-{uuid}"
    else:
        path = session.folder / "nvml.json"
        made = FakeBox(path)
        paths.insert(0, str(FAKE))
        environment["FAKE_NVML"] = str(path)
    paths += filter(None, [os.environ.get("PYTHONPATH")])
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    with patch.dict(os.environ, environment):
        if not session.on_gpu:
            os.environ.pop("CUDA_VISIBLE_DEVICES", None)  # it may hide what the fake tells of
        try:
            yield made
        finally:
            made.release()
