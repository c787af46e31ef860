"""One process does what `accelerate launch` would start another for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROBE = """
import json, os, sys
import torch
from accelerate import PartialState
told = {k: v for k, v in os.environ.items() if k.startswith(("ACCELERATE", "OMP", "KMP", "MASTER"))}
facts = {"env": told, "argv": sys.argv[1:], "name": __name__, "threads": torch.get_num_threads(),
         "device": str(PartialState().device), "processes": PartialState().num_processes}
print(json.dumps([os.getpid(), facts]))
sys.exit(3)
"""
CONFIG = {
    "compute_environment": "LOCAL_MACHINE",
    "debug": False,
    "distributed_type": "NO",
    "machine_rank": 0,
    "mixed_precision": "bf16",
    "num_machines": 1,
    "num_processes": 1,
    "use_cpu": True,
}


def launched(module: str, folder: Path, threads: str) -> tuple[int, int, int, dict[str, Any]]:
    """Exit status, the process started, the process that did the work, and what it was told."""
    (folder / "probe").mkdir(exist_ok=True)
    (folder / "probe" / "__init__.py").touch()
    (folder / "probe" / "__main__.py").write_text(PROBE)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    command = [sys.executable, "-m", module, "--config_file", str(folder / "config.json")]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [*command, "-m", "probe", "--launch", "one"],
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}:{root}",
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, _ = process.communicate()
    pid, facts = json.loads(out)
    return process.returncode, process.pid, pid, facts


@pytest.mark.slow
def test_the_worker_is_told_what_accelerate_tells_it(tmp_path: Path) -> None:
    threads = "2"  # all tests run with 1
    _, started, worked, theirs = launched("accelerate.commands.launch", tmp_path, threads)
    assert started != worked, "accelerate needs no second process any more: neither do we"
    status, started, worked, ours = launched("wgen_tui.workers.launch", tmp_path, threads)
    assert started == worked
    assert status == 3
    assert ours == theirs
    assert ours["threads"] == int(threads)
