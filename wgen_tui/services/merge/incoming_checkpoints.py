"""What comes over of a run's checkpoints and resume states: folders with a manifest.

Promises: a folder without its manifest is unfinished and stays out; each file is copied with the
hash that its manifest names; a step that both homes have must have the same adapter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from wgen_tui.paths import RunPaths
from wgen_tui.protocol.runs import CheckpointManifest, ResumeManifest
from wgen_tui.run_files.manifests import ManifestError, parse_manifest
from wgen_tui.services.merge.file_copies import (
    PICKLES,
    FileCopy,
    list_folder,
    read_file_if_any,
    safe_name,
)
from wgen_tui.services.merge.merge_report import MergeConflict, StepsDiffer

Manifest = TypeVar("Manifest", CheckpointManifest, ResumeManifest)
PROBE = "probe.safetensors"  # logits, which differ by rounding between machines


@dataclass(frozen=True, slots=True)
class IncomingCheckpoints:
    """The files of checkpoints that come over, and their steps."""

    files: tuple[FileCopy, ...]
    steps: tuple[int, ...]


def new_checkpoints(theirs: RunPaths, here: dict[int, CheckpointManifest]) -> IncomingCheckpoints:
    """The complete checkpoints that our run lacks.

    Args:
        theirs: The run in the other home.
        here: Our checkpoints by step.

    Raises:
        StepsDiffer: the adapters of a step differ.
        MergeConflict: an adapter is a pickle.
    """
    steps: list[int] = []

    def is_missing(manifest: CheckpointManifest) -> bool:
        if (mine := here.get(manifest.step)) is None:
            steps.append(manifest.step)
            return True
        ours, others = _adapter_hashes(mine), _adapter_hashes(manifest)
        if ours != others:
            name = next(name for name in (*ours, *others) if ours.get(name) != others.get(name))
            raise StepsDiffer(manifest.step, ours.get(name, "none"), others.get(name, "none"))
        return False

    files = _step_folders(theirs, "checkpoints", CheckpointManifest, is_missing)
    return IncomingCheckpoints(tuple(files), tuple(sorted(steps)))


def resume_states(theirs: RunPaths) -> list[FileCopy]:
    """The files of a run's states to resume from.

    Raises:
        MergeConflict: one cannot be read here, or is a pickle.
    """
    return _step_folders(theirs, "resume", ResumeManifest)


def _adapter_hashes(manifest: CheckpointManifest) -> dict[str, str]:
    """The hashes of a checkpoint's weights alone: its other files differ between machines."""
    return {
        name: sha256
        for name, sha256 in manifest.files.items()
        if name.endswith(".safetensors") and name != PROBE
    }


def _step_folders(
    theirs: RunPaths,
    kind: str,
    model: type[Manifest],
    is_wanted: Callable[[Manifest], bool] = lambda _: True,
) -> list[FileCopy]:
    """The files of each `step-N` folder with a manifest: those that it names, and it last."""
    files: list[FileCopy] = []
    for entry in list_folder(theirs.root / kind):
        folder = theirs.root / kind / safe_name(entry.name)
        path = folder / "manifest.json"
        if (text := read_file_if_any(path)) is None:
            continue
        try:
            manifest = parse_manifest(text, path, model)
        except ManifestError as error:
            raise MergeConflict(error.message) from error
        if manifest is None:
            raise MergeConflict(f"{path} is damaged")
        if manifest.run_id != theirs.root.name or entry.name != f"step-{manifest.step}":
            raise MergeConflict(
                f"{folder} belongs to step {manifest.step} of run {manifest.run_id}"
            )
        if not is_wanted(manifest):
            continue
        unit = f"{kind}/{entry.name}"
        for name, sha in manifest.files.items():
            if name.lower().endswith(PICKLES):
                raise MergeConflict(f"{folder / name} is a pickle, which can run code")
            files.append(
                FileCopy(f"{unit}/{safe_name(name)}", folder / name, sha256=sha, unit=unit)
            )
        files.append(FileCopy(f"{unit}/manifest.json", data=text, unit=unit))
    return files
