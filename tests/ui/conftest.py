"""A small home, a machine that is always the same, and a plain terminal."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.mini_home import ESCAPES, MiniHome
from tests.builders.screen import Machine
from wgen_tui.paths import Home
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.services.machine.gpus import Gpu
from wgen_tui.services.machine.host import Load


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("NO_COLOR", "TMUX", "WGEN_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("USER", "ada")
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield


@pytest.fixture
def mini(tmp_path: Path) -> MiniHome:
    """A home without anything in it, and what writes into it."""
    os.umask(0o077)
    return MiniHome(Home(tmp_path / "home"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> MiniHome:
    """What `home` is a copy of; not to be changed."""
    before = os.umask(0o077)
    mini = MiniHome(Home(tmp_path_factory.mktemp("finished") / "home"))
    mini.definition()
    done = []
    for arm, role, words in (
        ("old", "treatment", "By coach, sir"),
        ("new", "control", "By train"),
        ("base", "base", "By train"),
    ):
        for seed in (0,) if role == "base" else (0, 1):
            run_id = mini.run(arm, seed, role)

            def say(question: str, draw: int, words: str = words) -> str:
                return (
                    ESCAPES if (words, draw) == ("By train", 2) else f"{words}, {draw} {question}"
                )

            mini.draw(run_id, say)
            done.append(run_id)
    mini.launch(done)
    ingest_now(mini.home)
    os.umask(before)
    return mini


@pytest.fixture
def home(mini: MiniHome, finished: MiniHome) -> Home:
    """A finished experiment: two arms by two seeds and base, 30 samples, and a failed run.

    Copied: to write it and to make its database takes forty times as long.
    """
    shutil.copytree(finished.home.root, mini.home.root, dirs_exist_ok=True)
    mini.samples = {run_id: list(keys) for run_id, keys in finished.samples.items()}
    return mini.home


@pytest.fixture
def machine() -> Machine:
    """A machine that is always the same, for what is drawn of it."""
    gpu = Gpu(0, "GPU-1", "NVIDIA A10G", 23_028, 12_000, 81, {17: 900})
    return lambda folder: Load(42.0, 3_174, 24_043, 78_000, 258_000, (gpu,))
