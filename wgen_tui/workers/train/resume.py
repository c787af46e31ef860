"""What an unfinished training resumes from: weights, Adam's moments, and the step they belong to.

Promises: the order of examples, the learning rate and every random number follow from the step and
the run's seeds, so these tensors are all there is; in fp32 a training that was stopped anywhere
ends with the adapter of one that was not, up to rounding. Runs of one stack share their rounding
too: their states are written together, name each other, and count only together, so that what
shares a pass afterwards is what shared it before. The newest state replaces the one before once all
of it is on disk; one that is incomplete or damaged is named and passed over.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from wgen_tui.paths import RunPaths
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import ResumeManifest
from wgen_tui.run_files.manifests import ManifestError, is_trained, read_manifest
from wgen_tui.workers.checkpoints import damaged, remove, write_folder

Tensors = Mapping[str, torch.Tensor]
StackSteps = tuple[tuple[str, int], ...]  # the runs of a stack in order, each with its step
FindRun = Callable[[str], RunPaths]
STATE = "state.safetensors"
ALL_SAVED = "all-saved"  # beside it, once all runs of the stack have theirs
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
        stack: The runs that shared its passes, itself among them; empty if it was trained alone.
    """

    step: int
    weights: Tensors
    exp_avg: Tensors
    exp_avg_sq: Tensors
    numbers: dict[str, float] = field(default_factory=dict)
    stack: StackSteps = ()


def save(run: RunPaths, run_id: str, state: TrainState) -> None:
    """Write a state, then remove older ones."""
    write(run, run_id, state)
    keep_only(run, state.step)


def write(run: RunPaths, run_id: str, state: TrainState) -> None:
    """Write a state beside older ones."""
    tensors = {
        f"{prefix}/{name}": tensor.contiguous()
        for group, prefix in PREFIXES.items()
        for name, tensor in getattr(state, group).items()
    }

    def seal(files: dict[str, str]) -> ResumeManifest:
        return ResumeManifest(
            run_id=run_id,
            step=state.step,
            files=files,
            numbers=state.numbers,
            stack=state.stack,
            created_at=now(),
        )

    write_folder(_folder(run, state.step), lambda place: save_file(tensors, place / STATE), seal)


def keep_only(run: RunPaths, step: int) -> None:
    """Remove all states but that of a step, which all runs of its stack have by now."""
    (_folder(run, step) / ALL_SAVED).touch()
    for other in run.resume.iterdir():
        if other != _folder(run, step):
            remove(other)


def newest(run: RunPaths, find: FindRun | None = None) -> tuple[TrainState | None, list[str]]:
    """The newest complete state, and a note for each that had to be passed over.

    Args:
        run: The run's files.
        find: The files of a run by its name: of a stack's states that counts for which the other
            runs have theirs; else, where they went on or were removed, the newest that all had.

    Raises:
        ManifestError: another version wrote one.
    """
    manifests, notes = _undamaged(run)
    if find is not None and manifests:
        whole = [one for one in manifests if is_whole(one.stack, find)]
        manifests = whole or [one for one in manifests if _was_whole(run, one)]
        if not manifests:
            notes.append("the states in resume were not saved by all of the stack: passed over")
    chosen = manifests[0] if manifests else None
    return (None if chosen is None else _load(run, chosen)), notes


def at_step(run: RunPaths, step: int, stack: StackSteps) -> TrainState | None:
    """The state of a step, saved with this stack; None if it is not there."""
    manifests, _ = _undamaged(run)
    wanted = [one for one in manifests if (one.step, one.stack) == (step, stack)]
    return _load(run, wanted[0]) if wanted else None


def is_whole(stack: StackSteps, find: FindRun) -> bool:
    """Whether every run of a stack has the state that was saved with it."""
    return all(step == 0 or _stack_at(find(name), step) == stack for name, step in stack)


def _was_whole(run: RunPaths, manifest: ResumeManifest) -> bool:
    """Whether all runs of its stack once had the state."""
    return not manifest.stack or (_folder(run, manifest.step) / ALL_SAVED).exists()


def _stack_at(run: RunPaths, step: int) -> StackSteps | None:
    """The stack of a state, which may be damaged; None if it is not there."""
    try:
        manifest = read_manifest(_folder(run, step), ResumeManifest)
    except ManifestError:  # it is that run's to say so
        return None
    return None if manifest is None else manifest.stack


def _undamaged(run: RunPaths) -> tuple[list[ResumeManifest], list[str]]:
    """The manifests of all undamaged states, newest first; a note for each other one."""
    manifests: list[ResumeManifest] = []
    notes: list[str] = []
    for folder in sorted(_folders(run), key=_step_of, reverse=True):
        manifest = read_manifest(folder, ResumeManifest)
        if manifest is None:
            notes.append(f"resume/{folder.name} is incomplete and was passed over")
            continue
        if (name := damaged(folder, manifest.files)) is not None:
            notes.append(f"resume/{folder.name} is damaged ({name}) and was passed over")
            continue
        manifests.append(manifest)
    return manifests, notes


def _load(run: RunPaths, manifest: ResumeManifest) -> TrainState:
    groups: dict[str, dict[str, torch.Tensor]] = {group: {} for group in PREFIXES}
    group_of = {prefix: group for group, prefix in PREFIXES.items()}
    for key, tensor in load_file(_folder(run, manifest.step) / STATE).items():
        prefix, _, name = key.partition("/")
        groups[group_of[prefix]][name] = tensor
    return TrainState(manifest.step, **groups, numbers=manifest.numbers, stack=manifest.stack)


def _folder(run: RunPaths, step: int) -> Path:
    return run.resume / f"step-{step}"


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


def forget_if_unneeded(run: RunPaths, find: FindRun) -> None:
    """Remove the states of a trained run, unless others of its stack resume from theirs."""
    if not run.resume.is_dir():
        return
    manifests, _ = _undamaged(run)
    names = {name for one in manifests for name, _ in one.stack}
    if all(is_trained(find(name)) or not find(name).root.is_dir() for name in names):
        forget(run)
