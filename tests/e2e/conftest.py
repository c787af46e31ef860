"""A user at a shell: the installed program, a home of its own, nothing patched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.builders.waiting import until
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.supervisor import lifecycle

PROGRAM = Path(sys.executable).with_name("wgen-tui")


@dataclass
class Shell:
    """Runs `wgen-tui` in one home."""

    home: Home
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def command(self, *args: object) -> list[str]:
        return [str(PROGRAM), "--home", str(self.home.root), *map(str, args)]

    def __call__(self, *args: object, code: int = 0) -> str:
        """Run to the end, check the exit code, return stdout."""
        done = subprocess.run(
            self.command(*args),
            env=self.env,
            capture_output=True,
            text=True,
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

    def define(self, slug: str, source: str, data: dict[str, str]) -> Path:
        """Write a definition into the home."""
        folder = self.home.experiments / slug
        (folder / "data").mkdir(parents=True)
        (folder / "experiment.yaml").write_text(textwrap.dedent(source))
        for name, text in data.items():
            (folder / "data" / name).write_text(text)
        return folder

    def do(self, slug: str, **options: Any) -> None:
        """What `run start` with these options does, with the workers' own code in this process."""
        from tests.builders import stages  # loads torch, which most users of a shell need not

        stages.start(self.home, slug, **options)

    def commit_training(self, slug: str, **options: Any) -> LaunchSpec:
        """Write what `run start` with these options writes; returns the train launch."""
        train, *_ = commit(self.home, make_plan(self.home, slug, Options(**options)))
        assert train.stage == "train"
        return train

    def copied(self, root: Path) -> Shell:
        """The same user with a copy of this home, taken when nobody is at work in it."""
        until(lambda: lifecycle.supervisor_pid(self.home) is None, what="a supervisor is there")
        return Shell(Home(Path(shutil.copytree(self.home.root, root))), self.env)

    def close(self) -> None:
        """Stop the supervisor, if there is one."""
        if pid := lifecycle.supervisor_pid(self.home):
            os.kill(pid, 15)


@pytest.fixture(scope="session")
def shell_type() -> type[Shell]:
    """For fixtures that live longer than one test."""
    return Shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A home of this test's own; its supervisor is stopped at the end."""
    made = Shell(Home(tmp_path / "home"))
    yield made
    made.close()


@pytest.fixture
def define(shell: Shell) -> Callable[..., Path]:
    """Write a definition into the home: `define(slug, yaml, {name: text})`."""
    return shell.define
