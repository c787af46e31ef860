"""Writes checkpoints: stock PEFT folders, complete or not there at all.

Promises: manifest.json is written last, with the SHA-256 of every file; a folder without it does
not count.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from wgen_tui.paths import RunPaths
from wgen_tui.protocol.record import Record, now, sync_folder, write_record
from wgen_tui.protocol.runs import CheckpointManifest
from wgen_tui.run_files.manifests import MANIFEST, checkpoints
from wgen_tui.workers.runtime import WorkerError

ADAPTER = "adapter_model.safetensors"
PROBE = "probe.safetensors"
PROBE_LOGITS = 4096  # at most so many logits are kept of the probe, spread over the vocabulary


def write_folder(folder: Path, fill: Callable[[Path], None], seal: Callable[..., Record]) -> None:
    """Write a folder of files under a temporary name, seal it with its manifest, rename it.

    Args:
        folder: Where it will stand; what stands there is replaced.
        fill: Writes the files into a folder.
        seal: Makes the manifest from the files' SHA-256 by name.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    folder.parent.mkdir(mode=0o700, exist_ok=True)  # not parents: a removed run stays away
    temporary.mkdir(mode=0o700)
    fill(temporary)
    files = {path.name: _seal(path) for path in sorted(temporary.iterdir())}
    write_record(temporary / MANIFEST, seal(files))
    remove(folder)
    temporary.rename(folder)
    sync_folder(folder.parent)


def write_checkpoint(
    run: RunPaths,
    run_id: str,
    fill: Callable[[Path], None],
    step: int,
    steps: int,
    loss: float | None,
    provenance: Mapping[str, Any],
) -> None:
    """Write the checkpoint of `step`; `fill` writes PEFT's files and the probe."""

    def seal(files: dict[str, str]) -> CheckpointManifest:
        return CheckpointManifest(
            run_id=run_id,
            step=step,
            steps=steps,
            final=step == steps,
            files=files,
            loss=loss,
            provenance=dict(provenance),
            created_at=now(),
        )

    write_folder(run.checkpoint(step), fill, seal)


def write_probe(folder: Path, ids: torch.Tensor, logits: torch.Tensor) -> None:
    """Write what the adapter answers to a prompt, to recognise it when it is loaded again.

    Args:
        folder: The checkpoint.
        ids: The prompt, [tokens].
        logits: The logits behind it, [vocabulary].
    """
    stride = max(1, -(-len(logits) // PROBE_LOGITS))
    index = torch.arange(0, len(logits), stride)
    kept = logits.detach().float().cpu()[index].contiguous()
    save_file({"ids": ids.cpu(), "index": index, "logits": kept}, folder / PROBE)


def idle_modules(folder: Path) -> list[str]:
    """The modules of a LoRA whose B is zero, so that they change nothing."""
    if not (folder / ADAPTER).is_file():
        return []
    end = ".lora_B.weight"
    return sorted(
        name.removesuffix(end).removeprefix("base_model.model.")
        for name, tensor in load_file(folder / ADAPTER).items()
        if name.endswith(end) and not tensor.any()
    )


def _seal(path: Path) -> str:
    """Bring a file to disk and return its SHA-256."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    return digest


def damaged(folder: Path, files: Mapping[str, str]) -> str | None:
    """The first of a manifest's files that is not there or not as it was; None if all are."""
    for name, digest in files.items():
        path = folder / name
        try:
            with path.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                    return name
        except OSError:
            return name
    return None


def refuse_pickle(folder: Path) -> None:
    """Refuse an adapter that is no safetensors file: PEFT would unpickle what else is there.

    Raises:
        WorkerError: it is none.
    """
    if not (folder / ADAPTER).is_file():
        raise WorkerError(
            f"{folder} has no {ADAPTER}.",
            title="No safetensors",
            hint="A pickled adapter can run code and is not loaded: remove the run and start it "
            "again.",
        )


def remove(folder: Path) -> None:
    """Remove a folder, manifest first, so that it never looks complete without its files."""
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def clear(run: RunPaths, after: int = 0) -> None:
    """Remove the checkpoints after a step, and whatever is incomplete.

    Raises:
        ManifestError: another version wrote one of them; nothing was removed.
    """
    if run.checkpoints.is_dir():
        kept = {run.checkpoint(step) for step in checkpoints(run) if step <= after}
        for folder in run.checkpoints.iterdir():
            if folder not in kept:
                remove(folder)
