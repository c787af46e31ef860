"""Homes, definitions, models, runs and launches as files; real processes that hold locks."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from tests.builders.launch_files import LaunchFiles
from tests.builders.model import make_model as make_model_files
from wgen_tui.paths import Home
from wgen_tui.services.supervisor import lifecycle

HOLDER = """
import fcntl, sys
stream = open(sys.argv[1], "a+b")
fcntl.flock(stream, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An empty home; a supervisor that a test leaves is stopped."""
    made = Home(tmp_path / "home").ensure()
    yield made
    if pid := lifecycle.supervisor_pid(made):
        os.kill(pid, signal.SIGTERM)


@pytest.fixture
def files(home: Home) -> LaunchFiles:
    return LaunchFiles(home)


@pytest.fixture
def hold() -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    """`hold(path)`: another process that holds an flock on a file until it is killed."""
    holders: list[subprocess.Popen[str]] = []

    def start(path: Path) -> subprocess.Popen[str]:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        holders.append(holder)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        return holder

    yield start
    for holder in holders:
        holder.kill()
        holder.communicate()


@pytest.fixture
def wait_unlocked() -> Callable[[Path], None]:
    """Block until nobody holds an flock on a file: the kernel wakes us, nothing is polled."""

    def wait(path: Path) -> None:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH)

    return wait


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Path]:
    """`make_model(folder, template=..., seed=...)`: a small model as files."""
    return make_model_files


@pytest.fixture
def model(tmp_path: Path, make_model: Callable[..., Path]) -> Path:
    return make_model(tmp_path / "model")


@pytest.fixture
def definition(tmp_path: Path, model: Path) -> Path:
    return write_definition(tmp_path / "names", model)
