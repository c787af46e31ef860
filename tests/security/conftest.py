"""A home, and a definition that takes seconds."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wgen_tui.paths import Home
from wgen_tui.services.supervisor import lifecycle


def from_folder(folder: str, name: str) -> Any:
    """A module of another folder of tests, by path; the suite is no package."""
    path = Path(__file__).resolve().parents[1] / folder / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{folder}_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that is not there yet; a supervisor that a test leaves is stopped."""
    made = Home(tmp_path / "home")
    yield made
    if pid := lifecycle.supervisor_pid(made):
        os.kill(pid, signal.SIGTERM)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model of some thousand weights."""
    made: Path = from_folder("services", "model_files").make_model(tmp_path / "model")
    return made


@pytest.fixture
def definition(tmp_path: Path, model: Path) -> Path:
    """Two arms on that model."""
    made: Path = from_folder("services", "conftest").write_definition(tmp_path / "names", model)
    return made
