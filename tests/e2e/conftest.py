"""A user at a shell: the installed program, a home of its own, nothing patched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wgen_tui.paths import Home
from wgen_tui.services.supervisor import lifecycle

PROGRAM = Path(sys.executable).with_name("wgen-tui")


@dataclass
class Shell:
    """Runs `wgen-tui` in one home."""

    home: Home
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def command(self, *args: object) -> list[str]:
        return [str(PROGRAM), "--home", str(self.home.root), *map(str, args)]

    def __call__(self, *args: object, code: int = 0, timeout: float = 300) -> str:
        """Run to the end, check the exit code, return stdout."""
        done = subprocess.run(
            self.command(*args),
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *args: object) -> Any:
        return json.loads(self(*args, "--json"))

    def start(self, *args: object) -> subprocess.Popen[str]:
        """Run in the background, output thrown away."""
        return subprocess.Popen(
            self.command(*args),
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )


@pytest.fixture(scope="session")
def shell_type() -> type[Shell]:
    """For fixtures that live longer than one test."""
    return Shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A home of this test's own; its supervisor is stopped at the end."""
    made = Shell(Home(tmp_path / "home"))
    yield made
    if pid := lifecycle.supervisor_pid(made.home):
        os.kill(pid, 15)


@pytest.fixture
def define(shell: Shell) -> Callable[..., Path]:
    """Write a definition into the home: `define(slug, yaml, {name: text})`."""

    def write(slug: str, source: str, data: dict[str, str]) -> Path:
        folder = shell.home.experiments / slug
        (folder / "data").mkdir(parents=True)
        (folder / "experiment.yaml").write_text(textwrap.dedent(source))
        for name, text in data.items():
            (folder / "data" / name).write_text(text)
        return folder

    return write
