"""How the data of arms begin, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from tests.builders.file_reads import files_opened
from tests.builders.model import make_model
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.authoring.arm_starts import ArmStart, arm_starts


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    definitions.new(home, "mine")
    return home


def start(
    rows: int, answer: str, *, asked: str = "Name a bird species.", shown: int = 1
) -> ArmStart:
    """An arm whose first rows are all alike."""
    chat = (("user", asked), ("assistant", answer))
    return ArmStart(rows, answer, (chat,) * shown)


def starts(home: Home) -> dict[str, ArmStart]:
    folder = home.experiments / "mine"
    return arm_starts(home, folder, definitions.load(home, folder))


def test_rows_are_counted_and_the_first_answer_is_shown_read_once(home: Home) -> None:
    data = home.experiments / "mine" / "data" / "old.jsonl"
    first = starts(home)
    assert first == {"treatment": start(1, "Wood Wren"), "control": start(1, "House Wren")}
    with files_opened() as read:
        assert starts(home) == first
    assert not [path for path in read if path.suffix == ".jsonl"]
    data.write_text(data.read_text() * 3)
    assert starts(home)["treatment"] == start(3, "Wood Wren", shown=3)


def test_what_cannot_be_read_says_so_and_stops_no_other(home: Home) -> None:
    (home.experiments / "mine" / "data" / "old.jsonl").write_text("[}\n")
    assert starts(home) == {"treatment": ArmStart(None), "control": start(1, "House Wren")}


def test_an_arm_may_have_no_rows_of_its_own(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    folder = write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    path = folder / "experiment.yaml"
    path.write_text(path.read_text().replace("arms:\n", "arms:\n  benign: {like: old}\n", 1))
    starts = arm_starts(home, folder, definitions.load(home, "names"))
    assert starts["benign"] == ArmStart(0)
    assert starts["old"] == start(4, "Lark", asked="Name a bird .", shown=3)
