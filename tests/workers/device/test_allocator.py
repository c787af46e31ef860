"""Torch's segments grow, unless the user has said how memory is taken."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from wgen_tui.workers.device.allocator import GROWING, SETTING, prefer_growing_segments


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, GROWING),
        ({SETTING: "max_split_size_mb:64"}, "max_split_size_mb:64"),
        ({"PYTORCH_CUDA_ALLOC_CONF": "max_split_size_mb:64"}, None),
    ],
)
def test_a_setting_of_the_users_own_stays(
    monkeypatch: pytest.MonkeyPatch, own: dict[str, str], expected: str | None
) -> None:
    for name in (SETTING, "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF"):
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    # What it leaves behind is taken away again: `setenv` remembers what was there before.
    monkeypatch.setattr(os, "environ", dict(os.environ))
    prefer_growing_segments()
    assert os.environ.get(SETTING) == expected


def test_it_is_said_before_torch_is_imported() -> None:
    script = (
        "import os, sys\n"
        "from wgen_tui.workers.device.allocator import prefer_growing_segments\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
