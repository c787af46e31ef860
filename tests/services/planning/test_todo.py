"""What a run still lacks, when another version has worked on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.record import now, write_record
from wgen_tui.protocol.runs import CheckpointManifest
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.runs import runs

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles

OPTIONS = Options(arms=["old"], seeds="0")


@pytest.fixture
def trained(home: Home, definition: Path, files: LaunchFiles) -> str:
    """A run with its final checkpoint, and nothing under way."""
    plan = make_plan(home, str(definition), OPTIONS)
    for launch in commit(home, plan):
        files.lost(launch.launch_id)
    run_id = next(run.spec.run_id for run in plan.runs if run.spec.arm == "old")
    folder = home.run(run_id).checkpoint(2)
    folder.mkdir(parents=True)
    manifest = CheckpointManifest(
        run_id=run_id, step=2, steps=2, final=True, files={}, created_at=now()
    )
    write_record(folder / "manifest.json", manifest)
    return run_id


def test_a_checkpoint_of_another_version_is_told_before_anything_starts(
    home: Home, definition: Path, trained: str
) -> None:
    manifest = home.run(trained).checkpoint(2) / "manifest.json"
    fields = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**fields, "schema_version": 2}))
    with pytest.raises(UsageError) as caught:
        make_plan(home, str(definition), OPTIONS)
    assert str(manifest) in caught.value.message
    assert "newer version (schema 2; this version reads 1)" in caught.value.message
    assert f"move the folder {manifest.parent} away" in caught.value.hint
    assert trained in [run.run_id for run in runs.list_runs(home)]


def test_a_state_of_another_version_is_told_as_well(
    home: Home, definition: Path, trained: str
) -> None:
    """A training that began from zero would remove it."""
    run = home.run(trained)
    (run.checkpoint(2) / "manifest.json").unlink()
    state = run.resume / "step-1"
    state.mkdir(parents=True)
    (state / "manifest.json").write_text('{"schema_version": 2}')
    with pytest.raises(UsageError, match="step-1"):
        make_plan(home, str(definition), OPTIONS)


def test_a_torn_manifest_is_planned_to_be_trained(
    home: Home, definition: Path, trained: str
) -> None:
    def todo() -> frozenset[str]:
        plan = make_plan(home, str(definition), OPTIONS)
        return next(run.todo for run in plan.runs if run.spec.run_id == trained)

    assert todo() == {"sample", "judge"}
    manifest = home.run(trained).checkpoint(2) / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:40])
    assert todo() == {"train", "sample", "judge"}
