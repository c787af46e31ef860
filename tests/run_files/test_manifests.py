"""Which checkpoints count, and what is said of one that another version wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wgen_tui.paths import Home, RunPaths
from wgen_tui.protocol.record import SCHEMA, now
from wgen_tui.protocol.runs import CheckpointManifest
from wgen_tui.run_files import manifests

NEWER = SCHEMA + 1


@pytest.fixture
def run(home: Home) -> RunPaths:
    return home.run("x-a-s0-1")


def write_manifest(folder: Path, **changes: Any) -> Path:
    manifest = CheckpointManifest(
        run_id="x-a-s0-1",
        step=int(folder.name.removeprefix("step-")),
        steps=10,
        final=folder.name == "step-10",
        files={},
        created_at=now(),
    )
    folder.mkdir(parents=True)
    path = folder / "manifest.json"
    path.write_text(json.dumps({**manifest.model_dump(mode="json"), **changes}))
    return path


def test_a_folder_counts_with_its_manifest_alone(run: RunPaths) -> None:
    assert manifests.checkpoints(run) == {}
    for step in (10, 5):
        write_manifest(run.checkpoint(step))
    run.checkpoint(7).mkdir()
    assert list(manifests.checkpoints(run)) == [5, 10]
    assert manifests.is_trained(run)
    manifests.refuse_other_versions(run)


@pytest.mark.parametrize("torn", [b"", b'{"schema_version": 1, "run_id": "x', b"\0" * 40, b"[]"])
def test_a_torn_manifest_is_not_there(run: RunPaths, torn: bytes) -> None:
    write_manifest(run.checkpoint(10)).write_bytes(torn)
    assert manifests.checkpoints(run) == {}
    assert not manifests.is_trained(run)
    assert list(manifests.refused_manifests(run)) == []


@pytest.mark.parametrize(
    ("changes", "said", "mend"),
    [
        ({"schema_version": NEWER}, f"a newer version (schema {NEWER}; ", "Upgrade wgen-tui, or"),
        ({"schema_version": 0}, "another version (schema 0; ", "Install the version"),
        ({"later": True}, f"(schema {SCHEMA}; this version reads {SCHEMA}, but 'later'", "Install"),
        ({"step": "ten"}, f"reads {SCHEMA}, but 'step'", "Install"),
    ],
)
def test_a_manifest_of_another_version_is_named(
    run: RunPaths, changes: dict[str, Any], said: str, mend: str
) -> None:
    write_manifest(run.checkpoint(5))
    path = write_manifest(run.checkpoint(10), **changes)
    for refuse in (manifests.checkpoints, manifests.is_trained, manifests.refuse_other_versions):
        with pytest.raises(manifests.ManifestError) as caught:
            refuse(run)
        assert caught.value.message.startswith(str(path))
        assert said in caught.value.message
        assert f"reads {SCHEMA}" in caught.value.message
        assert mend in caught.value.hint
        assert str(path.parent) in caught.value.hint
    assert [error.message for error in manifests.refused_manifests(run)] == [caught.value.message]


def test_lists_and_estimates_go_on_without_it(run: RunPaths) -> None:
    write_manifest(run.checkpoint(5))
    write_manifest(run.checkpoint(10), schema_version=NEWER)
    assert list(manifests.checkpoints(run, skip_refused=True)) == [5]
    assert manifests.final_checkpoint(run, skip_refused=True) is None


def test_a_state_to_resume_from_is_refused_as_well(run: RunPaths) -> None:
    path = write_manifest(run.resume / "step-3", schema_version=NEWER)
    with pytest.raises(manifests.ManifestError) as caught:
        manifests.refuse_other_versions(run)
    assert str(path) in caught.value.message


def test_a_manifest_that_cannot_be_read_is_not_missing(run: RunPaths) -> None:
    """A failing disk must not make a program train over what it trained."""
    write_manifest(run.checkpoint(10)).unlink()
    (run.checkpoint(10) / "manifest.json").mkdir()
    with pytest.raises(manifests.ManifestError, match="cannot be read"):
        manifests.checkpoints(run)
