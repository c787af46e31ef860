"""Verify a run: its final adapter beside the same training by stock TRL and PEFT.

Promises: what cannot be compared is refused with the reason before anything is trained; the worker
is a process of its own, stopped when the one who asked goes away; the finding is kept in the run's
folder, and counts only for the adapter that it was made with.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from pydantic import ValidationError

from wgen_tui.errors import UsageError, WgenError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import Event, RunOutcome
from wgen_tui.protocol.record import Unreadable, read_record
from wgen_tui.protocol.runs import RunSpec, Verification
from wgen_tui.run_files.manifests import ManifestError, final_checkpoint
from wgen_tui.run_files.tail import tail_lines
from wgen_tui.services.runs.process import environment, has_gpu
from wgen_tui.services.runs.runs import get_spec

STOP_SECONDS = 10  # between asking the worker to end and making it


def verify(
    home: Home, name: str, on_event: Callable[[Event], None], *, floor: bool = True
) -> Verification:
    """Train a run again with stock TRL and compare.

    Args:
        home: The home.
        name: The run, or the hash that ends its id.
        on_event: Told what the worker says, as it comes.
        floor: Whether to measure what rounding alone does, by training a third time.

    Raises:
        UsageError: the run cannot be verified; nothing was trained.
        WgenError: the worker could not do it; the message says why.
    """
    run_id = _checked(home, name).run_id
    paths = home.run(run_id)
    reason: RunOutcome | None = None
    with paths.verification_log.open("wb") as log, _worker(home, run_id, floor, log) as worker:
        for line in worker.stdout or ():
            try:
                on_event(Event.model_validate_json(line))
            except ValidationError:
                reason = RunOutcome.model_validate_json(line)
        code = worker.wait()
    if reason is not None:
        raise WgenError(reason.message, title=reason.title, hint=reason.hint)
    if code != 0:
        said = tail_lines(paths.verification_log, 1)
        raise WgenError(
            f"The worker ended with {code}. It last wrote: {said[-1] if said else 'nothing'}",
            title="Not verified",
            hint=f"All it wrote is in {paths.verification_log}.",
        )
    return Verification.model_validate_json(paths.verification.read_bytes())


def read(home: Home, run_id: str) -> Verification | None:
    """What was last found of a run; None when it was not verified, or trained again since."""
    paths = home.run(run_id)
    final = final_checkpoint(paths, skip_refused=True)
    try:
        report = read_record(paths.verification, Verification)
    except Unreadable:  # `doctor` names it
        return None
    if (
        report is None
        or final is None
        or final.files.get("adapter_model.safetensors") != report.adapter_sha256
    ):
        return None
    return report


def refusal(home: Home, spec: RunSpec) -> UsageError | None:
    """Why a run cannot be verified now, with what to do about it; None when it can."""
    run_id, training = spec.run_id, spec.training
    if training is None:
        what = "is the untrained base" if spec.in_context is None else "shows rows in context"
        return UsageError(f"{run_id} {what}.", title="Nothing was trained")
    if spec.adapter is not None:
        return _cannot(
            run_id,
            f"its adapter {spec.adapter} was trained elsewhere, on rows and settings that are not "
            "here; that it is applied is proven whenever it is sampled",
        )
    if training.method != "lora":
        return _cannot(run_id, f"TRL has no stock training for method {training.method}")
    if training.lora.lora_dropout > 0:
        return _cannot(
            run_id,
            f"with lora_dropout {training.lora.lora_dropout} two trainings drop out other numbers "
            "and agree only in distribution",
        )
    if spec.regularise is not None:
        return _cannot(run_id, "TRL has no stock training with KL to the base")
    try:
        final = final_checkpoint(home.run(run_id))
    except ManifestError as refused:
        return refused
    if final is None:
        return UsageError(
            f"{run_id} has no final checkpoint.",
            title="Not trained yet",
            hint=f"See how it stands: wgen-tui run show {run_id}",
        )
    if spec.between is None and importlib.util.find_spec("trl") is None:
        return UsageError(
            "TRL is not installed; a run is verified by training it once more with TRL.",
            title="TRL is missing",
            hint="pip install 'wgen-tui[verify]'",
        )
    return None


def _checked(home: Home, name: str) -> RunSpec:
    """The spec of a run that can be verified."""
    spec = get_spec(home, name)
    if (problem := refusal(home, spec)) is not None:
        raise problem
    return spec


def _cannot(run_id: str, why: str) -> UsageError:
    return UsageError(f"{run_id} cannot be verified: {why}.", title="Not comparable")


@contextmanager
def _worker(
    home: Home, run_id: str, floor: bool, log: IO[bytes]
) -> Iterator[subprocess.Popen[str]]:
    """The worker's process; it does not outlive what is done with it."""
    command = [sys.executable, "-m", "wgen_tui.workers.verify"]
    command += ["--home", str(home.root), "--run", run_id]
    worker = subprocess.Popen(
        command if floor else [*command, "--no-floor"],
        cwd=home.run(run_id).root,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    try:
        yield worker
    finally:
        _end(worker)


def _environment() -> dict[str, str]:
    """That of every worker, with one GPU to see: TRL refuses several in one process."""
    variables = environment()
    if has_gpu():
        variables["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[
            0
        ]
    return variables


def _end(worker: subprocess.Popen[str]) -> None:
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGTERM)
        try:
            worker.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
    if worker.stdout is not None:
        worker.stdout.close()
