"""Small models of three families, and homes for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.training_home import TrainingHome, make_family
from wgen_tui.paths import Home


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`family("qwen3")`: the folder of that model, made once."""
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            made[name] = make_family(name, tmp_path_factory.mktemp(name) / "model")
        return made[name]

    return get


@pytest.fixture
def make_field(tmp_path: Path, family: Callable[[str], Path]) -> Callable[..., TrainingHome]:
    """`make_field("llama")`: an empty home for that model."""

    def make(name: str = "llama", home: str = "home") -> TrainingHome:
        return TrainingHome(Home(tmp_path / home).ensure(), family(name))

    return make
