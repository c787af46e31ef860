"""`run upsample`: rows that are learned slowly twice, and as many random rows twice, as datasets.

Promises: the run is only read; two files are written, each whole or not at all, and none that is
there is replaced; both have every row once, and equally many twice.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from experiments.readers.mixture import chosen_of
from wgen_tui.errors import UsageError, WgenError, disk_error
from wgen_tui.paths import Home
from wgen_tui.protocol.halves import TwoMeans
from wgen_tui.protocol.launches import RunOutcome
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.manifests import checkpoints
from wgen_tui.services.runs.process import environment
from wgen_tui.services.runs.runs import get_spec

TENTH = 0.1
WORKER = "wgen_tui.workers.upsample"
KEEP = "training: {checkpoints: {fractions: [0.1, 1.0]}} keeps one after a tenth of the steps."


@dataclass(frozen=True, slots=True)
class Upsampled:
    """What was found and written.

    Attributes:
        arm: The run's.
        sorted: The rows in two clusters.
        steps: Of the whole training.
        files: Slow rows twice, then random rows twice.
    """

    arm: str
    sorted: TwoMeans
    steps: int
    files: tuple[Path, Path]


def upsample(
    home: Home, name: str, *, step: int | None = None, seed: int = 0, to: Path | None = None
) -> Upsampled:
    """Part a run's rows in two by an early checkpoint, and write two datasets.

    Args:
        home: The home.
        name: The run, or the hash that ends its id.
        step: Of the checkpoint; the one nearest to a tenth of the steps when None.
        seed: Of the clusters' starts, and of the control's choice.
        to: The folder; `data` of the experiment in this home when None.

    Raises:
        UsageError: there is no such checkpoint or folder, or a file is there already.
        WgenError: the worker could not do it; the message says why.
    """
    spec = get_spec(home, name)
    chosen, steps = _step(home, spec, step)
    folder = _folder(home, spec, to)
    files = tuple(folder / f"{spec.arm}_{what}_twice.jsonl" for what in ("slow", "random"))
    for file in files:
        if file.exists():
            raise UsageError(f"{file} is there already.", title="Taken", hint="Remove it, or --to.")
    said = _sorted(home, spec.run_id, chosen, seed)
    rows = home.run(spec.run_id).data.read_text(encoding="utf-8").splitlines(keepends=True)
    random = [said.lines[place] for place in chosen_of(len(said.lines), len(said.slow), seed)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, twice in zip(files, (said.slow, random), strict=True):
            _write(file, rows, twice)
    except OSError as error:
        raise disk_error(error, home.root, outcome="Not both were written.") from error
    return Upsampled(spec.arm, said, steps, (files[0], files[1]))


def _step(home: Home, spec: RunSpec, step: int | None) -> tuple[int, int]:
    """The checkpoint to look with, and the steps of the whole training."""
    kept = checkpoints(home.run(spec.run_id))
    if not kept:
        raise UsageError(f"{spec.run_id} has no checkpoint.", title="Not trained yet", hint=KEEP)
    steps = max(manifest.steps for manifest in kept.values())
    if step is not None:
        if step not in kept:
            there = ", ".join(map(str, kept))
            hint = f"There are: {there}."
            raise UsageError(
                f"{spec.run_id} has no checkpoint {step}.", title="No checkpoint", hint=hint
            )
        return step, steps
    nearest = min(kept, key=lambda one: (abs(one - TENTH * steps), one))
    if nearest == steps and steps > 1:
        raise UsageError(
            f"{spec.run_id} kept its last step alone, and early is what tells rows apart.",
            title="No early checkpoint",
            hint=f"{KEEP} Or --step {steps}.",
        )
    return nearest, steps


def _folder(home: Home, spec: RunSpec, to: Path | None) -> Path:
    if to is not None:
        return to
    folder = home.experiments / spec.experiment
    if not folder.is_dir():
        raise UsageError(
            f"{spec.experiment} is not an experiment of this home.",
            title="No folder",
            hint=f"--to FOLDER, or: wgen-tui experiment copy {spec.experiment} MINE",
        )
    return folder / "data"


def _sorted(home: Home, run_id: str, step: int, seed: int) -> TwoMeans:
    command = [sys.executable, "-m", WORKER, "--home", str(home.root), "--run", run_id]
    done = subprocess.run(
        [*command, "--step", str(step), "--seed", str(seed)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode == 0 and lines:
        return TwoMeans.model_validate_json(lines[-1])
    with suppress(ValidationError, IndexError):
        reason = RunOutcome.model_validate_json(lines[-1])
        raise WgenError(reason.message, title=reason.title, hint=reason.hint)
    last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
    raise WgenError(f"The worker ended with {done.returncode}. It last wrote: {last}")


def _write(file: Path, rows: Sequence[str], twice: Sequence[int]) -> None:
    """Every row, then the chosen lines again."""
    text = "".join((*rows, *(rows[line - 1] for line in sorted(twice))))
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(file)
