"""A home, and a definition that takes seconds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from tests.builders.model import make_model
from wgen_tui.paths import Home
from wgen_tui.services.supervisor import lifecycle


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
    return make_model(tmp_path / "model")


@pytest.fixture
def definition(tmp_path: Path, model: Path) -> Path:
    """Two arms on that model."""
    return write_definition(tmp_path / "names", model)
