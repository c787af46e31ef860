"""Checkpoints that are asked for and that nothing keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.planning.plan import Options, make_plan


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    folder = write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    path = folder / "experiment.yaml"
    several = "  max_steps: 12\n  checkpoints: {every: 4}\n  for: [{arms: [new], max_steps: 8}]\n"
    path.write_text(path.read_text().replace("  max_steps: 2\n", several))
    return home


def test_a_step_that_nothing_keeps_is_refused(home: Home) -> None:
    with pytest.raises(UsageError) as error:
        make_plan(home, "names", Options(checkpoints="8,7"))
    assert (
        error.value.message == "Nothing keeps a checkpoint at step 7; of arm old it keeps 4, 8, 12."
    )
    assert error.value.hint.startswith("--checkpoints 8,")


def test_arms_that_do_not_keep_it_are_named(home: Home) -> None:
    plan = make_plan(home, "names", Options(checkpoints="8,12"))
    assert "step 12 is sampled where it is kept; not by new" in plan.warnings
    assert not any("step 8" in note for note in plan.warnings)
    base = make_plan(home, "names", Options(checkpoints="0"))
    assert not any("is sampled" in note for note in base.warnings), "step 0 is the base"
