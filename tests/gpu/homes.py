"""Homes and small models on the device: what the checks of a GPU day train and sample.

Promises: where equality is asked for in fp32, matrix products are fp32 (no TF32); what workers
print stays out of the table. Models are small even on a GPU, but wide enough for its own kernels.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from tests.builders.training_home import TrainingHome, make_family
from tests.gpu.session import Session
from wgen_tui.paths import Home
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.train.stage import train

ON_GPU = {
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
}


@contextlib.contextmanager
def exact() -> Iterator[None]:
    """Compute matrix products in fp32 itself."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what workers say on stdout to themselves."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def model(session: Session, family: str, **shape: float) -> Path:
    """The folder of a family's model, made when it is first asked for; `shape` if not as others."""
    folder = session.folder / "models" / "-".join([family, *map(str, shape.values())])
    if not folder.exists():
        make_family(family, folder, **{**(ON_GPU if session.on_gpu else {}), **shape})
    return folder


def new_home(session: Session, name: str, family: str = "llama", **shape: int) -> TrainingHome:
    """An empty home for runs of a family's model."""
    return TrainingHome(Home(session.folder / name).ensure(), model(session, family, **shape))


def train_runs(field: TrainingHome, *run_ids: str, stack: int | None = None) -> Worker:
    """Train these runs (all when none is named) in this process."""
    with quiet():
        return field.train(*run_ids, stack=stack)


def train_until(field: TrainingHome, step: int, act: Callable[[Worker, str], None]) -> Worker:
    """Train all runs; `act` is called with each run that has done `step` steps, after each step."""
    worker = field.launch()
    progress = worker.progress

    def then_act(run_id: str, done: int, *rest: Any, **values: Any) -> None:
        progress(run_id, done, *rest, **values)
        if done >= step:
            act(worker, run_id)

    worker.progress = then_act  # type: ignore[method-assign]
    with quiet():
        train(worker)
    return worker


def unfinished(worker: Worker) -> str:
    """The runs that did not finish, each with what ended it; empty when all did."""
    return "; ".join(
        f"{run_id}: {end.outcome}: {end.message}"
        for run_id, end in worker.outcomes.items()
        if end.outcome != "finished"
    )
