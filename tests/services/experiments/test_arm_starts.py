"""How the data of arms begin, also of those that have none of their own."""

from __future__ import annotations

from pathlib import Path

from tests.builders.definition import write_definition
from tests.builders.model import make_model
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.authoring.arm_starts import ArmStart, arm_starts


def test_an_arm_may_have_no_rows_of_its_own(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    folder = write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    path = folder / "experiment.yaml"
    path.write_text(path.read_text().replace("arms:\n", "arms:\n  benign: {like: old}\n", 1))
    starts = arm_starts(home, folder, definitions.load(home, "names"))
    assert starts["benign"] == ArmStart(0)
    assert starts["old"] == ArmStart(4, "Lark")
