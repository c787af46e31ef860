"""What an unfinished training resumes from: weights, Adam's moments, and the step they belong to.

Promises: the order of examples, the learning rate and every random number follow from the step and
the run's seeds, so these tensors are all there is; in fp32 a training that was stopped anywhere
ends with the adapter of one that was not, up to rounding. The newest state replaces the one before
once all of it is on disk; one that is incomplete or damaged is named and passed over.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from wgen_tui.paths import RunPaths
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import ResumeManifest
from wgen_tui.run_files.manifests import read_manifest
from wgen_tui.workers.checkpoints import damaged, remove, write_folder

Tensors = Mapping[str, torch.Tensor]
STATE = "state.safetensors"
# The prefix of each group's tensors in that file; older homes have them, so they stay.
PREFIXES = {"weights": "weights", "exp_avg": "means", "exp_avg_sq": "squares"}


@dataclass(frozen=True)
class TrainState:
    """A training between two steps.

    Attributes:
        step: Steps done.
        weights: By PEFT's names in adapter_model.safetensors.
        exp_avg: Adam's first moments, by the same names.
        exp_avg_sq: Adam's second moments.
        numbers: What else counts up: the loss scale of fp16 and its growth.
    """

    step: int
    weights: Tensors
    exp_avg: Tensors
    exp_avg_sq: Tensors
    numbers: dict[str, float] = field(default_factory=dict)


def save(run: RunPaths, run_id: str, state: TrainState) -> None:
    """Write a state, then remove older ones."""
    tensors = {
        f"{prefix}/{name}": tensor.contiguous()
        for group, prefix in PREFIXES.items()
        for name, tensor in getattr(state, group).items()
    }

    def seal(files: dict[str, str]) -> ResumeManifest:
        return ResumeManifest(
            run_id=run_id, step=state.step, files=files, numbers=state.numbers, created_at=now()
        )

    folder = run.resume / f"step-{state.step}"
    write_folder(folder, lambda place: save_file(tensors, place / STATE), seal)
    for other in run.resume.iterdir():
        if other != folder:
            remove(other)


def newest(run: RunPaths) -> tuple[TrainState | None, list[str]]:
    """The newest complete state, and a note for each that had to be passed over.

    Raises:
        ManifestError: another version wrote one.
    """
    notes: list[str] = []
    for folder in sorted(_folders(run), key=_step_of, reverse=True):
        manifest = read_manifest(folder, ResumeManifest)
        if manifest is None:
            notes.append(f"resume/{folder.name} is incomplete and was passed over")
            continue
        if (name := damaged(folder, manifest.files)) is not None:
            notes.append(f"resume/{folder.name} is damaged ({name}) and was passed over")
            continue
        groups: dict[str, dict[str, torch.Tensor]] = {group: {} for group in PREFIXES}
        group_of = {prefix: group for group, prefix in PREFIXES.items()}
        for key, tensor in load_file(folder / STATE).items():
            prefix, _, name = key.partition("/")
            groups[group_of[prefix]][name] = tensor
        return TrainState(manifest.step, **groups, numbers=manifest.numbers), notes
    return None, notes


def _folders(run: RunPaths) -> list[Path]:
    if not run.resume.is_dir():
        return []
    return [folder for folder in run.resume.iterdir() if not folder.name.startswith(".")]


def _step_of(folder: Path) -> int:
    number = folder.name.removeprefix("step-")
    return int(number) if number.isdecimal() else -1


def forget(run: RunPaths) -> None:
    """Remove all states: the run is trained, or starts from its first step."""
    shutil.rmtree(run.resume, ignore_errors=True)
