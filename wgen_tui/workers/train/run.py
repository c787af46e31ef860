"""A run in training: where it stands, and what it writes.

Promises: a metrics row is written for every optimiser step, a fifth of a second later at most; a run that has its
final checkpoint is not trained again; one that was stopped goes on from its newest complete state.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import torch

from experiments.schema import TrainingConfig
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import MetricRow, RunSpec
from wgen_tui.run_files.manifests import is_trained
from wgen_tui.run_files.steps import steps_per_epoch, total_steps
from wgen_tui.workers.checkpoints import write_checkpoint
from wgen_tui.workers.data import Dataset, load_examples
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import Worker, WorkerError, cut_torn_line
from wgen_tui.workers.train import resume
from wgen_tui.workers.train.resume import TrainState

SAVE_SECONDS = 60.0  # between two states to go on from
FLUSH_SECONDS = 0.2  # between two writes of metrics
PROBE_TOKENS = 64


@dataclass(frozen=True)
class StepDone:
    """What one optimiser step did."""

    loss: float
    tokens: int
    grad_norm: float | None
    learning_rate: float


@dataclass
class TrainingRun:
    """One run of a train launch.

    Attributes:
        state: What it goes on from; None at the beginning.
        step: Steps done.
        provenance: Written into its checkpoints.
    """

    worker: Worker
    spec: RunSpec
    training: TrainingConfig
    dataset: Dataset
    steps: int
    state: TrainState | None
    step: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    _metrics: TextIO | None = None
    _began: float = 0.0
    _began_at: int = 0
    _saved: float = 0.0
    _flushed: float = 0.0

    @property
    def run_id(self) -> str:
        return self.spec.run_id

    @property
    def done(self) -> bool:
        return self.step >= self.steps

    @property
    def keeps(self) -> bool:
        """Whether the step just done is one whose adapter is kept."""
        return self.worker.main and self.step in self._kept

    @property
    def wants_save(self) -> bool:
        """Whether a state should be written now."""
        if not self.worker.main or self.done:
            return False
        return self.step in self._kept or time.monotonic() - self._saved > SAVE_SECONDS

    def __post_init__(self) -> None:
        self._kept = frozenset(self.training.checkpoints.steps(self.steps))
        self._per_epoch = steps_per_epoch(self.training, len(self.dataset.examples))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep metrics.jsonl open."""
        self.open()
        try:
            yield
        finally:
            self.close()

    def open(self) -> None:
        """Begin to record."""
        path = self.worker.run_paths(self.run_id).metrics
        cut_torn_line(path)
        self._metrics = path.open("a")
        self._began = self._saved = self._last = time.monotonic()
        self._began_at = self.step

    def close(self) -> None:
        """End recording."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None

    def record(self, done: StepDone, device: torch.device) -> None:
        """Note a step that was done: metrics and progress."""
        self.step += 1
        moment = time.monotonic()
        seconds, self._last = moment - self._last, moment
        if self.worker.main and self._metrics is not None:
            row = MetricRow(
                step=self.step,
                steps=self.steps,
                epoch=self.step / self._per_epoch,
                loss=done.loss,
                learning_rate=done.learning_rate,
                grad_norm=done.grad_norm,
                tokens=done.tokens,
                tokens_per_second=done.tokens / seconds if seconds else None,
                memory_mb=memory_mb(device),
                at=now(),
            )
            self._metrics.write(row.model_dump_json() + "\n")
            if self.done or self.step in self._kept or moment - self._flushed > FLUSH_SECONDS:
                self._flush()
        rate = (self.step - self._began_at) / max(moment - self._began, 1e-9)
        self.worker.progress(self.run_id, self.step, self.steps, "steps", rate=rate, loss=done.loss)

    def _flush(self) -> None:
        if self._metrics is not None:
            self._metrics.flush()
            self._flushed = time.monotonic()

    def checkpoint(self, fill: Callable[[Path], None], loss: float | None) -> None:
        """Write the checkpoint of the step just done; the last one makes the run trained."""
        run = self.worker.run_paths(self.run_id)
        write_checkpoint(run, self.run_id, fill, self.step, self.steps, loss, self.provenance)
        if self.done:
            resume.forget(run)
        self.worker.emit("checkpoint", self.run_id, done=self.step, total=self.steps, unit="steps")

    def save(self, state: TrainState) -> None:
        """Write a state to go on from."""
        if self.worker.main and state.step > 0:
            self._flush()  # steps that are not done again must not be missing
            resume.save(self.worker.run_paths(self.run_id), self.run_id, state)
            self._saved = time.monotonic()


def load_run(worker: Worker, base: Base, spec: RunSpec) -> TrainingRun | None:
    """A run as its files tell it; None when it is trained already, or is the base.

    Raises:
        WorkerError: its examples cannot be trained on.
    """
    training = spec.training
    if training is None:
        return None
    run = worker.run_paths(spec.run_id)
    if is_trained(run):
        worker.note("is trained already", spec.run_id)
        return None
    dataset = load_examples(run.data, base.tokenizer, training)
    steps = total_steps(training, len(dataset.examples))
    state, notes = resume.newest(run)
    for note in (*dataset.notes, *notes):
        worker.note(note, spec.run_id)
    member = TrainingRun(worker, spec, training, dataset, steps, state)
    if state is not None:
        member.step = state.step
        member.provenance["resumed_at"] = [state.step]
        worker.note(f"goes on from step {state.step} of {steps}", spec.run_id)
    return member


def probe_ids(dataset: Dataset) -> torch.Tensor:
    """The prompt that an adapter is known by: the first example up to what is trained."""
    example = dataset.examples[0]
    start = example.trained.index(True)
    return torch.tensor(example.ids[max(0, start - PROBE_TOKENS) : max(1, start)])


def memory_mb(device: torch.device) -> float:
    """The peak so far: of the GPU's allocator, or of the process."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 2**20
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def diverged(loss: float) -> WorkerError:
    """The error of a training whose loss or gradient is no number any more."""
    return WorkerError(
        f"The loss or its gradient is not finite (loss {loss}).",
        title="Training diverged",
        hint="Lower learning_rate, or train in bf16 or fp32.",
    )
