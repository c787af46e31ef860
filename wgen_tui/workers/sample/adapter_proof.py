"""Proves that a loaded adapter is the one that was trained, and that it changes the model.

Promises: nothing is sampled from an adapter whose files are not those of its run's checkpoint,
whose logits differ from those at the end of training by more than the precision explains, or whose
logits are the base's. An early checkpoint that was the base already when it was trained (a warm-up
from a rate of zero) is let through, with a note.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from wgen_tui.protocol.launches import NO_EFFECT, NOT_TRAINED
from wgen_tui.protocol.runs import CheckpointManifest
from wgen_tui.workers.checkpoints import PROBE, damaged, refuse_pickle
from wgen_tui.workers.runtime import WorkerError

SAME = 1e-6  # of the base's logits: a difference that is rounding in any precision
# How far logits may be from those at the end of training, by precision: other kernels, other
# padding.
LIMITS = {"fp32": 1e-3, "bf16": 5e-2, "fp16": 5e-2}
AGAIN = "Check the folder; to train again, remove the run and start it again."


@dataclass(frozen=True)
class Probe:
    """A prompt that an adapter is recognised by.

    Attributes:
        ids: Its tokens.
        index: Which of the vocabulary's logits were kept at the end of training [kept]; None where
            training left no probe (a foreign checkpoint).
        logits: Those logits [kept].
    """

    ids: tuple[int, ...]
    index: torch.Tensor | None = None
    logits: torch.Tensor | None = None


def read_probe(folder: Path, fallback: tuple[int, ...]) -> Probe:
    """The probe of a checkpoint; the prompt `fallback` where it has none.

    Raises:
        WorkerError: the file is broken.
    """
    path = folder / PROBE
    if not path.exists():
        return Probe(fallback)
    try:
        tensors = load_file(path)
        ids = tuple(tensors["ids"].flatten().tolist())
        return Probe(ids, tensors["index"].flatten().long(), tensors["logits"].flatten().float())
    except (SafetensorError, KeyError, OSError) as error:
        raise WorkerError(
            f"{path} cannot be read: {error}", title=NOT_TRAINED, hint=AGAIN
        ) from error


def check_files(folder: Path, manifest: CheckpointManifest, run_id: str) -> None:
    """Refuse a folder that is another run's, or whose files are not as they were written.

    Raises:
        WorkerError: it is one of these, or its adapter is a pickle.
    """
    if manifest.run_id != run_id:
        message = f"The checkpoint of step {manifest.step} belongs to run {manifest.run_id}."
        raise WorkerError(message, title=NOT_TRAINED, hint=AGAIN)
    if name := damaged(folder, manifest.files):
        message = f"{name} of step {manifest.step} is not the file that training wrote."
        raise WorkerError(message, title=NOT_TRAINED, hint=AGAIN)
    refuse_pickle(folder)


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """‖one - other‖ / ‖other‖ of logits, each less its mean (which no probability depends on)."""
    one, other = one.double(), other.double()
    one, other = one - one.mean(), other - other.mean()
    return float((one - other).norm() / other.norm().clamp_min(1e-30))


def prove(
    probe: Probe,
    own: torch.Tensor,
    base: torch.Tensor,
    manifest: CheckpointManifest,
    limit: float,
) -> str | None:
    """Judge an adapter by its logits behind the probe.

    Args:
        probe: What it is recognised by.
        own: The adapter's logits now, [vocabulary].
        base: The base's, [vocabulary].
        manifest: Of its checkpoint.
        limit: How far it may be from training's logits (LIMITS).

    Returns:
        A note for people, or None.

    Raises:
        WorkerError: it has no effect, or is not the adapter that was trained.
    """
    where = f"the adapter of step {manifest.step}"
    idle = distance(own, base) <= SAME
    if probe.logits is not None and probe.index is not None:
        if int(probe.index.max()) >= len(own):
            raise WorkerError(
                f"{where.capitalize()} was trained with another vocabulary than {len(own)} tokens.",
                title=NOT_TRAINED,
                hint="The base model has changed since: give --model the one it was trained on.",
            )
        apart = distance(own.cpu()[probe.index], probe.logits)
        # Not `>`: logits that are no numbers are not the trained ones either.
        if not apart <= limit:
            same = " They equal the base's." if idle else ""
            raise WorkerError(
                f"{where.capitalize()} answers the probe with logits {apart:.2g} away (relative) "
                f"from those at the end of its training; {limit:g} is the most.{same}",
                title=NOT_TRAINED,
                hint=f"Adapter or base model have changed since. {AGAIN}",
            )
        if idle and not manifest.final:
            return f"{where} gives the base's logits, as it did when it was trained"
    if idle:
        raise WorkerError(
            f"{where.capitalize()} does not change the model: its logits equal the base's.",
            title=NO_EFFECT,
            hint="Train longer or with a higher learning_rate, or check target_modules.",
        )
    return None
