"""Whatever stands in the place of a definition or its data is one line; the others are listed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from tests.builders.odd_files import OF_DEFINITIONS, plant
from wgen_tui.paths import Home

Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def planted(command: Program, home: Home) -> Home:
    """A home with a good experiment, and one of each kind in each place."""
    command("experiment", "new", "good")
    for kind in OF_DEFINITIONS:
        for place in ("experiment.yaml", "data/old.jsonl", "questions.yaml"):
            name = f"bad-{kind}-{place[:4]}".replace(" ", "-")
            command("experiment", "copy", "good", name)
            folder = home.experiments / name
            definition = folder / "experiment.yaml"
            if place == "questions.yaml":
                text = definition.read_text()
                start, end = text.index("questions:"), text.index("judges:")
                definition.write_text(f"{text[:start]}questions: questions.yaml\n\n{text[end:]}")
            plant(kind, folder / place)
    return home


@pytest.mark.slow
def test_one_bad_definition_is_one_bad_line(command: Program, planted: Home) -> None:
    listed = command("experiment", "list").stdout
    names = {line.split()[0] for line in listed.splitlines() if line}
    assert {folder.name for folder in planted.experiments.iterdir()} <= names
    for folder in sorted(planted.experiments.iterdir()):
        if folder.name == "good":
            continue
        wrong = command("experiment", "validate", folder.name, code=2).stderr
        assert len(wrong.splitlines()) <= 20
        assert len(wrong) < 6_000, wrong[:2_000]
    command("experiment", "validate", "good")
