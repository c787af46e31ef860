"""What a mask means has a version: in the spec, outside the id, and told where two are compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.schema import TrainingConfig
from tests.builders.home import write_run
from tests.builders.launch_files import LaunchFiles
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.record import now, write_record
from wgen_tui.protocol.runs import CheckpointManifest, RunSpec
from wgen_tui.services.planning import run_specs
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Plan, make_plan
from wgen_tui.services.planning.top_up import plan_top_up
from wgen_tui.services.results.compared import Compared
from wgen_tui.services.results.unlike_runs import mask_versions, template_dates
from wgen_tui.training_data.mask_version import MASK_VERSION, difference, explain

TRAINING = TrainingConfig(max_steps=2)
DROPS = (
    "{% for m in messages if m.role != 'assistant' %}{{ m.role + ' ' + m.content + ' <end> ' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'assistant ' }}{% endif %}"
)


def ids(plan: Plan) -> list[str]:
    return [run.spec.run_id for run in plan.runs]


def forget_versions(home: Home) -> None:
    """Make the runs such as were planned before masks had a version."""
    for path in home.runs.glob("*/spec.json"):
        fields = json.loads(path.read_text())
        fields.pop("mask_version", None)
        path.write_text(json.dumps(fields))


def test_it_stands_in_the_spec_of_what_is_trained_and_in_no_id(
    home: Home, definition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(home, str(definition))
    versions = {run.spec.arm: run.spec.mask_version for run in plan.runs}
    assert versions == {"base": 1, "old": MASK_VERSION, "new": MASK_VERSION}
    monkeypatch.setattr(run_specs, "MASK_VERSION", MASK_VERSION + 1)
    assert ids(make_plan(home, str(definition))) == ids(plan)


def test_a_run_from_before_keeps_the_first(home: Home, definition: Path) -> None:
    commit(home, make_plan(home, str(definition)))
    forget_versions(home)
    again = make_plan(home, str(definition))
    assert {run.spec.mask_version for run in again.runs} == {1}
    for path in home.runs.glob("*/spec.json"):
        write_record(path, RunSpec.model_validate_json(path.read_bytes()))
        assert "mask_version" not in path.read_text()


def compared(home: Home, *names: str) -> Compared:
    return Compared(home, "x", names or None, None)


def test_two_versions_in_one_comparison_are_told(home: Home) -> None:
    write_run(home, "x-base-s0-1", arm="base")
    write_run(home, "x-a-s0-1", training=TRAINING, mask_version=MASK_VERSION)
    write_run(home, "x-a-s1-1", training=TRAINING, mask_version=MASK_VERSION)
    assert not list(mask_versions(compared(home)))
    write_run(home, "x-b-s0-1", arm="b", training=TRAINING)
    write_run(home, "y-b-s0-1", arm="b", training=TRAINING, experiment="y")
    (note,) = mask_versions(compared(home))
    assert f"version 1 (1 run: b seed 0) and version {MASK_VERSION} (2 runs: " in note.text
    assert "began in a token of its prompt" in note.text and "unknown word" in note.text
    assert (note.count, note.runs) == (2, ["x-a-s0-1", "x-a-s1-1", "x-b-s0-1"])
    assert not list(mask_versions(compared(home, "x-base-s0-1", "x-b-s0-1")))


def test_what_differs_is_what_changed_between_the_versions() -> None:
    assert "unknown word" not in difference([1, 2]) and "its prompt" in difference([1, 2])
    assert "unknown word" in difference([2, 3]) and "its prompt" not in difference([2, 3])
    assert "masks of version 2, now" in explain(2) and not explain(MASK_VERSION)


def test_two_dates_in_one_comparison_are_told(home: Home) -> None:
    for name, day in (("x-a-s0-1", "2026-01-02"), ("x-a-s1-1", "2026-01-02"), ("x-b-s0-1", None)):
        write_run(home, name, template_date=day)
    assert not list(template_dates(compared(home)))
    write_run(home, "x-b-s1-1", template_date="2026-03-04")
    (note,) = template_dates(compared(home))
    assert "several dates: 2026-01-02 (2 runs: " in note.text
    assert " and 2026-03-04 (1 run: " in note.text
    assert note.runs == ["x-a-s0-1", "x-a-s1-1", "x-b-s1-1"]


@pytest.fixture
def before(home: Home, definition: Path, files: LaunchFiles) -> Plan:
    """Runs of an earlier version, whose rows this one refuses; those of arm old are trained."""
    path = definition / "experiment.yaml"
    path.write_text(path.read_text() + f"chat_template: {json.dumps(DROPS)}\n")
    plan = make_plan(home, str(definition), trains=False)
    for launch in commit(home, plan):
        files.lost(launch.launch_id)
    forget_versions(home)
    for run in (run for run in plan.runs if run.spec.arm == "old"):
        folder = home.run(run.spec.run_id).checkpoint(2)
        folder.mkdir(parents=True)
        manifest = CheckpointManifest(
            run_id=run.spec.run_id, step=2, steps=2, final=True, files={}, created_at=now()
        )
        write_record(folder / "manifest.json", manifest)
    return plan


def test_rows_that_are_refused_now_say_what_changed(
    home: Home, definition: Path, before: Plan
) -> None:
    with pytest.raises(UsageError) as refused:
        make_plan(home, str(definition))
    assert "Arm new" in refused.value.message
    assert "Arm old" not in refused.value.message
    assert "an earlier wgen-tui planned" in refused.value.message
    assert f"wgen-tui experiment copy {definition} NEW-NAME" in refused.value.hint


def test_what_is_trained_can_be_topped_up(home: Home, definition: Path, before: Plan) -> None:
    plan = plan_top_up(home, str(definition), 5)
    assert {run.spec.arm for run in plan.runs} == {"base", "old"}
    assert any("drops what the assistant says" in warning for warning in plan.warnings)


def test_a_new_definition_is_refused_without_a_word_of_before(home: Home, definition: Path) -> None:
    path = definition / "experiment.yaml"
    path.write_text(path.read_text() + f"chat_template: {json.dumps(DROPS)}\n")
    with pytest.raises(UsageError) as refused:
        make_plan(home, str(definition))
    assert "earlier wgen-tui" not in refused.value.message
    assert "experiment copy" not in refused.value.hint
