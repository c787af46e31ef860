"""A step of another arm that is not kept is named by `experiment validate`, where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.plan import make_plan

NEW = "  new: {{data: data/new.jsonl, start_from: {start}}}\n"
MID = "  mid: {{between: {{arms: [{start}, new], t: 0.5}}}}\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    return home


def write(home: Home, arm: str, training: str) -> None:
    path = home.experiments / "names" / "experiment.yaml"
    lines = path.read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not arm.startswith(line[:6]))
    text = text.replace("seeds: 0-1", f"{arm}seeds: 0-1")
    path.write_text(text.replace("  max_steps: 2\n", training))


@pytest.mark.parametrize(
    ("arm", "training", "told"),
    [
        (NEW.format(start="old@7"), "  max_steps: 2\n", "there: it keeps 2."),
        # 4 rows at batch 2 are 2 steps of an epoch.
        (NEW.format(start="old@7"), "  num_train_epochs: 3\n", "there: it keeps 6."),
        (
            NEW.format(start="old@7"),
            "  num_train_epochs: 20\n  checkpoints: {every: 4}\n",
            "of the 10 that it keeps 4 and 8 are the nearest",
        ),
        (
            NEW.format(start="old@99"),
            "  num_train_epochs: 20\n  checkpoints: {every: 4}\n",
            "the nearest of 10 that it keeps is 40",
        ),
        (MID.format(start="old@1"), "  max_steps: 2\n", "takes step 1 of old"),
    ],
)
def test_a_step_that_is_not_kept_is_named(home: Home, arm: str, training: str, told: str) -> None:
    write(home, arm, training)
    with pytest.raises(UsageError) as error:
        definitions.validate(home, "names")
    key = "arms.mid.between.arms" if "between" in arm else "arms.new.start_from"
    assert told in error.value.message
    assert key in error.value.message
    assert "experiment.yaml:" in error.value.message
    with pytest.raises(UsageError) as planned:
        make_plan(home, "names")
    assert told in planned.value.message, "a plan says the same"
    if "there: it" not in told and "old@7" in arm:
        assert "start_from: old@8" in f"{error.value.message} {error.value.hint}"


def test_steps_are_counted_as_the_runs_will_be(home: Home) -> None:
    """Held steps count all rows; a fraction of them is a step like any other."""
    write(
        home,
        "  old: {data: {file: data/old.jsonl, rows: 2}, hold: steps}\n" + NEW.format(start="old@3"),
        "  num_train_epochs: 3\n  checkpoints: {fractions: [0.5]}\n",
    )
    path = home.experiments / "names" / "experiment.yaml"
    path.write_text(
        path.read_text().replace(
            '  new: {data: data/new.jsonl, role: control, context: {prefix: "Name "}}\n', ""
        )
    )
    definitions.validate(home, "names")
    runs = {run.spec.arm: run.spec for run in make_plan(home, "names").runs}
    assert runs["new"].parent is not None
    assert runs["new"].parent.step == 3
