"""A run in training: where it stands, and what it writes.

Promises: a metrics row is written for every optimiser step, a fifth of a second later at most; a
run that has its final checkpoint is not trained again; one that was stopped resumes from its newest
complete state.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import torch

from experiments.schema import TrainingConfig
from wgen_tui.protocol.launches import FailedAt
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import MetricRow, RunSpec
from wgen_tui.run_files.manifests import is_trained
from wgen_tui.run_files.steps import steps_per_epoch, total_steps
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.arms.regulariser import Regulariser, load_regulariser
from wgen_tui.workers.checkpoints import idle_modules, write_checkpoint
from wgen_tui.workers.data import Dataset, load_examples
from wgen_tui.workers.models import Base
from wgen_tui.workers.recipe import Order
from wgen_tui.workers.runtime import Worker, WorkerError, cut_torn_line
from wgen_tui.workers.train import resume
from wgen_tui.workers.train.resume import TrainState
from wgen_tui.workers.train.start import start_folder

SAVE_SECONDS = 60.0  # between two states to resume from
FLUSH_SECONDS = 0.2  # between two writes of metrics
PROBE_TOKENS = 64


@dataclass(frozen=True)
class StepResult:
    """What one optimiser step did."""

    loss: float
    tokens: int
    grad_norm: float | None
    learning_rate: float
    kl: float | None = None  # to the base, the mean over tokens; where something holds it near


@dataclass
class TrainingRun:
    """One run of a train launch.

    Attributes:
        state: What it resumes from; None at the beginning.
        step: Steps done.
        provenance: Written into its checkpoints.
        is_filler: It is trained already, and trains once more up to where the others of its stack
            are without it, so that they have the shapes they had; it writes nothing but states.
        in_step: Whether the step after `step` has begun and is not recorded yet.
        regulariser: What holds it near its base; None: nothing does.
    """

    worker: Worker
    spec: RunSpec
    training: TrainingConfig
    dataset: Dataset
    steps: int
    state: TrainState | None
    step: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    is_filler: bool = False
    in_step: bool = False
    regulariser: Regulariser | None = None
    _metrics: TextIO | None = None
    _started: float = 0.0
    _first_step: int = 0
    _saved: float = 0.0
    _saved_step: int = 0
    _flushed: float = 0.0

    @property
    def run_id(self) -> str:
        return self.spec.run_id

    @property
    def longest(self) -> int:
        """Tokens of the longest row that goes through the model."""
        return max(len(example.ids) for example in self.passed)

    @property
    def passed(self) -> Sequence[Example]:
        """All rows that go through the model: its examples, and what holds it near its base."""
        held = () if self.regulariser is None else self.regulariser.dataset.examples
        return (*self.dataset.examples, *held)

    def held_batches(self, step: int) -> list[list[Example]]:
        """The rows that hold it near its base in a step (the first is 1); none where none do."""
        return [] if self.regulariser is None else self.regulariser.batches(step)

    @property
    def done(self) -> bool:
        return self.step >= self.steps

    @property
    def at_checkpoint(self) -> bool:
        """Whether a checkpoint of the step just done is to be written, here."""
        return self.worker.main and self.step in self._checkpoint_steps and not self.is_filler

    @property
    def has_kept_step(self) -> bool:
        """Whether the step it stands at is one that checkpoints are kept of."""
        return self.step in self._checkpoint_steps

    @property
    def state_is_old(self) -> bool:
        """Whether its newest state is older than a minute, and it is not trained yet."""
        return not self.done and time.monotonic() - self._saved > SAVE_SECONDS

    @property
    def unsaved_steps(self) -> int:
        """Steps done since its newest state."""
        return self.step - self._saved_step

    @property
    def should_save_state(self) -> bool:
        """Whether a state to resume from is due."""
        if not self.worker.main or self.done:
            return False
        return self.step in self._checkpoint_steps or self.state_is_old

    def __post_init__(self) -> None:
        self._checkpoint_steps = frozenset(self.training.checkpoints.steps(self.steps))
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
        """Open metrics.jsonl, behind its last whole line."""
        if not self.is_filler:
            path = self.worker.run_paths(self.run_id).metrics
            cut_torn_line(path)
            self._metrics = path.open("a")
        self._saved_step = self.step
        self._started = self._saved = self._last = time.monotonic()
        self._first_step = self.step
        self.in_step = False
        self.worker.ask_place(self.run_id, self._place)

    def _place(self) -> FailedAt:
        """Where it stands, with the lines of its data that the step at work is made of."""
        if not self.in_step:
            return FailedAt(step=self.step)
        order = Order(self.dataset.examples, self.training, self.spec.seeds.data_order)
        places = [place for batch in order.places(self.step + 1) for place in batch]
        if (task := self.spec.task) is not None:  # the examples are those of all tasks
            own = self.dataset.examples
            places = [p for p in places if getattr(own[p], "task", None) == task.index]
        lines = self.dataset.lines
        return FailedAt(step=self.step + 1, rows=tuple(sorted({lines[p] for p in places})))

    def close(self) -> None:
        """Close metrics.jsonl."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None

    def record(self, result: StepResult, device: torch.device) -> None:
        """Count a step that was done, and write its metrics and progress."""
        self.step += 1
        self.in_step = False
        if result.kl is not None:
            self.provenance["kl_to_base"] = result.kl
        if self.is_filler:
            return
        at = time.monotonic()
        seconds, self._last = at - self._last, at
        if self.worker.main and self._metrics is not None:
            row = MetricRow(
                step=self.step,
                steps=self.steps,
                epoch=self.step / self._per_epoch,
                loss=result.loss,
                learning_rate=result.learning_rate,
                grad_norm=result.grad_norm,
                tokens=result.tokens,
                tokens_per_second=result.tokens / seconds if seconds else None,
                memory_mb=memory_mb(device),
                at=now(),
            )
            self._metrics.write(row.model_dump_json() + "\n")
            if (
                self.done
                or self.step in self._checkpoint_steps
                or at - self._flushed > FLUSH_SECONDS
            ):
                self._flush()
        rate = (self.step - self._first_step) / max(at - self._started, 1e-9)
        self.worker.progress(
            self.run_id, self.step, self.steps, "steps", rate=rate, loss=result.loss
        )

    def _flush(self) -> None:
        if self._metrics is not None:
            self._metrics.flush()
            self._flushed = time.monotonic()

    def checkpoint(
        self, fill: Callable[[Path], None], loss: float | None, *, keep_states: bool = False
    ) -> None:
        """Write the checkpoint of the step just done; the last one makes the run trained.

        Args:
            fill: Writes PEFT's files and the probe.
            loss: Of the step.
            keep_states: Keep what the run resumes from, for the others of its stack.
        """
        run = self.worker.run_paths(self.run_id)

        def fill_and_check(folder: Path) -> None:
            fill(folder)
            if self.done:
                self._name_idle_modules(folder)

        write_checkpoint(
            run, self.run_id, fill_and_check, self.step, self.steps, loss, self.provenance
        )
        if self.done and not keep_states:
            resume.forget(run)
        self.worker.emit("checkpoint", self.run_id, done=self.step, total=self.steps, unit="steps")

    def _name_idle_modules(self, folder: Path) -> None:
        """Say which modules of the final adapter were never changed: their B is still zero."""
        idle = idle_modules(folder)
        if idle:
            self.provenance["idle_modules"] = idle
            self.worker.note(
                f"{len(idle)} modules of the adapter are as they began (B is zero), so they change "
                f"nothing: {', '.join(idle[:5])}{', …' if len(idle) > 5 else ''}",
                self.run_id,
            )

    def save_state(self, state: TrainState) -> None:
        """Write a state to resume from; it replaces the one before."""
        self.write_state(state)
        self.keep_newest_state()

    def write_state(self, state: TrainState) -> None:
        """Write a state beside the one before."""
        if self.worker.main and state.step > 0:
            self._flush()  # steps that are not done again must not be missing
            resume.write(self.worker.run_paths(self.run_id), self.run_id, state)

    def keep_newest_state(self) -> None:
        """Remove states older than the one just written."""
        if self.worker.main and self.step > 0:
            resume.keep_only(self.worker.run_paths(self.run_id), self.step)
            self._saved, self._saved_step = time.monotonic(), self.step

    def forget_states(self) -> None:
        """Remove all states: nothing resumes from them any more."""
        if self.worker.main:
            resume.forget(self.worker.run_paths(self.run_id))


def load_run(worker: Worker, base: Base, spec: RunSpec) -> TrainingRun | None:
    """Read a run from its files; None when it is trained already, or is the base.

    Raises:
        WorkerError: its examples cannot be trained on.
    """
    training = spec.training
    if training is None:
        return None
    files = worker.run_paths(spec.run_id)
    if is_trained(files):
        worker.note("is trained already", spec.run_id)
        if worker.main:
            resume.forget_if_unneeded(files, worker.run_paths)
        return None
    dataset = load_examples(
        files.data, base.tokenizer, training, spec.mask_version, base.vocabulary, base.context
    )
    held = load_regulariser(worker, base, spec)
    steps = total_steps(training, len(dataset.examples))
    state, notes = resume.newest(files, worker.run_paths)
    for note in (*dataset.notes, *(held.dataset.notes if held else ()), *notes):
        worker.note(note, spec.run_id)
    _, provenance = start_folder(worker.home, spec.parent)
    if spec.parent is not None and state is None:
        worker.note(f"goes on with the adapter at {spec.parent}", spec.run_id)
    run = TrainingRun(worker, spec, training, dataset, steps, state, regulariser=held)
    run.provenance |= provenance
    if base.context is not None and run.longest > base.context.tokens:
        # What results say beside their numbers.
        run.provenance["beyond_context"] = [run.longest, base.context.tokens]
    if state is not None:
        run.step = state.step
        run.provenance["resumed_at"] = [state.step]
        worker.note(f"goes on from step {state.step} of {steps}", spec.run_id)
    return run


def probe_ids(dataset: Dataset) -> torch.Tensor:
    """The probe, a prompt that an adapter is recognised by: the first example up to its answer."""
    example = dataset.examples[0]
    start = example.trained.index(True)
    return torch.tensor(example.ids[max(0, start - PROBE_TOKENS) : max(1, start)])


def memory_mb(device: torch.device) -> float:
    """The peak so far: of what torch has allocated on the GPU, or of the process."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 2**20
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def diverged(loss: float, step: int, rate: float) -> WorkerError:
    """The error of a training whose loss or gradient is not finite, at a step and its rate."""
    return WorkerError(
        f"The loss or its gradient is not finite at step {step} (loss {loss}, learning rate "
        f"{rate:g}).",
        title="Training diverged",
        hint="Lower learning_rate, or train in bf16 or fp32.",
    )
