"""Checkpoints: stock PEFT folders, there wholly or not at all.

Promises: manifest.json is written last, with the SHA-256 of every file; a folder without it does
not count.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from wgen_tui.paths import RunPaths
from wgen_tui.protocol import CheckpointManifest, now, sync_folder, write_record


def write_checkpoint(
    run: RunPaths, run_id: str, model: Any, step: int, steps: int, loss: float | None
) -> None:
    """Write the adapter of `model` (a PeftModel) as the checkpoint of `step`."""
    folder = run.checkpoint(step)
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(mode=0o700, parents=True)
    # save_embedding_layers: "auto" would ask the hub whether the vocabulary grew.
    model.save_pretrained(temporary, safe_serialization=True, save_embedding_layers=False)
    files = {path.name: _seal(path) for path in sorted(temporary.iterdir())}
    manifest = CheckpointManifest(
        run_id=run_id,
        step=step,
        steps=steps,
        final=step == steps,
        files=files,
        loss=loss,
        created_at=now(),
    )
    write_record(temporary / "manifest.json", manifest)
    _remove(folder)
    temporary.rename(folder)
    sync_folder(folder.parent)


def _seal(path: Path) -> str:
    """Bring a file to disk and return its SHA-256."""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    return found


def _remove(folder: Path) -> None:
    """Remove a checkpoint, manifest first, so that it never looks complete without its files."""
    (folder / "manifest.json").unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def manifests(run: RunPaths) -> dict[int, CheckpointManifest]:
    """The complete checkpoints by step, ascending."""
    found = [
        CheckpointManifest.model_validate_json(path.read_bytes())
        for path in run.checkpoints.glob("step-*/manifest.json")
    ]
    return {manifest.step: manifest for manifest in sorted(found, key=lambda item: item.step)}


def is_trained(run: RunPaths) -> bool:
    """Whether the final checkpoint is there."""
    return any(manifest.final for manifest in manifests(run).values())


def clear(run: RunPaths) -> None:
    """Remove what an unfinished training left."""
    if run.checkpoints.is_dir():
        for folder in run.checkpoints.iterdir():
            _remove(folder)
