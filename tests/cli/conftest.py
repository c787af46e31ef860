"""The installed program as a user runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from tests.builders.launch_files import LaunchFiles
from tests.builders.model import make_model
from wgen_tui.cli.main import main
from wgen_tui.paths import Home
from wgen_tui.services.supervisor import lifecycle

PROGRAM = Path(sys.executable).with_name("wgen-tui")
Result = subprocess.CompletedProcess[str]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that does not exist yet; a supervisor that a test leaves is stopped."""
    made = Home(tmp_path / "home")
    yield made
    if pid := lifecycle.supervisor_pid(made):
        os.kill(pid, signal.SIGTERM)


@pytest.fixture
def program(home: Home) -> Callable[..., Result]:
    """`program(*words, code=0)`: run `wgen-tui` in the test's home and check its exit code."""

    def run(*words: object, code: int = 0, **env: str) -> Result:
        done = subprocess.run(
            [str(PROGRAM), "--home", str(home.root), *map(str, words)],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **env},
        )
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def command(home: Home, capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """`command(*words, code=0)`: as `program`, in this process, for what a command does and says.

    A process of its own takes half a second of a core to load what this one has loaded; that each
    command works in one is for `program`.
    """

    def run(*words: object, code: int = 0) -> Result:
        capsys.readouterr()
        line = ["--home", str(home.root), *map(str, words)]
        ended = main(line)
        said = capsys.readouterr()
        assert ended == code, f"exit {ended}\n{said.out}\n{said.err}"
        assert "Traceback" not in said.err, said.err
        return Result(line, ended, said.out, said.err)

    return run


@pytest.fixture
def files(home: Home) -> LaunchFiles:
    """Writes runs and launches as files."""
    return LaunchFiles(home.ensure())


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    """A definition of two arms on a small model made here."""
    return write_definition(tmp_path / "names", make_model(tmp_path / "model"))
