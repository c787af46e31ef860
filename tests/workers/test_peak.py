"""The peak that a worker writes into done.json."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from wgen_tui.workers.peak import peak_memory_mb

LOOK = """
import sys
from wgen_tui.workers.peak import peak_memory_mb
before = peak_memory_mb()
block = bytearray(200 << 20)
del block
print(before, peak_memory_mb(), "torch" in sys.modules)
"""


def test_it_is_the_most_that_was_resident_and_needs_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    before, after, torch = done.stdout.split()
    assert 190 < float(after) - float(before) < 215
    assert torch == "False"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_large_parent_does_not_count() -> None:
    """getrusage's peak is handed down over fork and exec; a worker's parent has torch loaded."""
    parent = (
        "import subprocess, sys; block = bytearray(300 << 20); "
        "subprocess.run([sys.executable, '-c', 'from wgen_tui.workers.peak import peak_memory_mb; "
        "print(peak_memory_mb())'], check=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", parent], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 200


def test_on_a_gpu_it_is_what_torch_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.cuda is the library's boundary: no GPU is needed to see which number is taken."""
    peaks = [3 << 30, 5 << 30]
    cuda = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: True,
        device_count=lambda: len(peaks),
        max_memory_reserved=lambda device: peaks[device],
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert peak_memory_mb() == 5 * 1024
    cuda.is_initialized = lambda: False  # a GPU that this process never used
    status = Path("/proc/self/status").read_text()
    resident = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]
    assert peak_memory_mb() == pytest.approx(resident, abs=16)
