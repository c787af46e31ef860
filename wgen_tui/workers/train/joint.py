"""Runs that are trained as one: a Poly or MHR adapter on the examples of all its arms.

Promises: every run of a joint training gets every checkpoint, or none its final one; what stops one
stops all; a checkpoint that only some of them have is copied to the others (`joint_checkpoints`).
The state to resume from is kept with the first run (task 0), and is written after the checkpoints
of its step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from peft import PeftConfig

from experiments.schema import TrainingConfig
from wgen_tui.paths import RunPaths
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.launches import RunOutcome
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.manifests import is_trained
from wgen_tui.run_files.steps import total_steps
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.checkpoints import clear
from wgen_tui.workers.data import Dataset, load_examples
from wgen_tui.workers.models import Base
from wgen_tui.workers.poly import Routes, TaskExample, poly_config
from wgen_tui.workers.recipe import Order, seed_step
from wgen_tui.workers.runtime import Cancelled, Worker, WorkerError
from wgen_tui.workers.train import resume
from wgen_tui.workers.train.joint_checkpoints import copy_from_siblings, task_ids, task_of
from wgen_tui.workers.train.run import TrainingRun, probe_ids
from wgen_tui.workers.train.sample_during import CheckpointSampler
from wgen_tui.workers.train.trainer import Trainer


def joint_groups(specs: Iterable[RunSpec]) -> tuple[list[RunSpec], list[list[RunSpec]]]:
    """The runs that are trained separately, and those of each joint training by task."""
    separate: list[RunSpec] = []
    joint: dict[tuple[str, ...], list[RunSpec]] = defaultdict(list)
    for spec in specs:
        if spec.task is None:
            separate.append(spec)
        else:
            joint[spec.task.runs].append(spec)
    return separate, [
        sorted(group, key=lambda spec: task_of(spec).index) for group in joint.values()
    ]


def train_joint(
    worker: Worker,
    base: Base,
    accelerator: Accelerator,
    specs: Sequence[RunSpec],
    sampler: CheckpointSampler | None = None,
) -> None:
    """Train the runs of one joint training to their final checkpoint; each gets its outcome."""
    for spec in specs:
        worker.begin_run(spec.run_id)
    try:
        joint = Joint(worker, base, accelerator, specs)
        joint.check_cancelled()
        copy_from_siblings(worker, base, specs)
        if not joint.trained:
            joint.train(sampler)
    except Cancelled:
        _end_cancelled(worker, specs)
    except Exception as error:  # other runs of the launch have still their turn
        for spec in specs:
            worker.record_error(spec.run_id, error)
    else:
        for spec in specs:
            worker.end_run(spec.run_id)


def _end_cancelled(worker: Worker, specs: Sequence[RunSpec]) -> None:
    """End all runs; those that nobody cancelled are told which one was."""
    cancelled: dict[str, Cancelled] = {}
    for spec in specs:
        try:
            worker.check_cancelled(spec.run_id)
        except Cancelled as stop:
            cancelled[spec.run_id] = stop
    message = f"It is trained as one with {', '.join(cancelled)}, which was cancelled."
    for spec in specs:
        if spec.run_id in cancelled:
            worker.record_error(spec.run_id, cancelled[spec.run_id])
        else:
            outcome = RunOutcome(outcome="cancelled", title="Cancelled", message=message)
            worker.end_run(spec.run_id, outcome)


class PolyTrainer(Trainer):
    """The training of one adapter on the examples of all its tasks."""

    def __init__(self, *args: Any, tasks: int) -> None:
        self._tasks = tasks
        super().__init__(*args)
        self.routes = Routes(self.peft)

    def _config(self, training: TrainingConfig, model: Any) -> PeftConfig:
        return poly_config(training, model, self._tasks)

    def _logits(
        self, shard: Sequence[Example], ids: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        self.routes.tasks = [item.task for item in shard if isinstance(item, TaskExample)]
        return super()._logits(shard, ids, mask)


class Joint:
    """The runs of one joint training that are in a launch, by task."""

    def __init__(
        self, worker: Worker, base: Base, accelerator: Accelerator, specs: Sequence[RunSpec]
    ) -> None:
        self._worker = worker
        self._base = base
        self._accelerator = accelerator
        self._specs = specs
        self._task = task_of(specs[0])
        training = specs[0].training
        if training is None or accelerator.num_processes > 1:
            raise WorkerError(
                f"Method poly is trained by one process, not by {accelerator.num_processes}.",
                title="Several processes",
                hint="Leave accelerate.num_processes out of the definition.",
            )
        self._training: TrainingConfig = training

    @property
    def trained(self) -> bool:
        """Whether every run has its final checkpoint."""
        return all(is_trained(self._paths(spec)) for spec in self._specs)

    def check_cancelled(self) -> None:
        """Raise Cancelled if any run is to stop."""
        for spec in self._specs:
            self._worker.check_cancelled(spec.run_id)

    def train(self, sampler: CheckpointSampler | None) -> None:
        """Train from the first step, or from where it was stopped.

        Raises:
            WorkerError: a run of the training is not in the launch, or it diverged.
        """
        missing = [name for name in self._task.runs if name not in self._worker.spec.run_ids]
        if missing:
            raise WorkerError(
                f"It is trained as one with {', '.join(missing)}, which this launch leaves out.",
                title="Runs are missing",
                hint="`wgen-tui run start` puts all of them into one launch.",
            )
        runs, probes = self._load_runs()
        first, seeds = runs[0], self._specs[0].seeds
        trainer = PolyTrainer(
            self._base,
            self._accelerator,
            self._training,
            seeds.lora_init,
            first.steps,
            tasks=len(self._task.arms),
        )
        order = Order(first.dataset.examples, self._training, seeds.data_order)
        try:
            if first.state is not None:
                trainer.restore(first.state)
            with ExitStack() as recording:
                for run in runs:
                    recording.enter_context(run.recording())
                while not first.done:
                    self._step(trainer, order, runs, probes, sampler)
        finally:
            self._base.model = trainer.close()

    def _step(
        self,
        trainer: PolyTrainer,
        order: Order,
        runs: Sequence[TrainingRun],
        probes: Sequence[torch.Tensor],
        sampler: CheckpointSampler | None,
    ) -> None:
        first = runs[0]  # its step and its state are those of all
        # 1. Whether to stop.
        try:
            self.check_cancelled()
        except Cancelled:
            with suppress(OSError):  # the reason to stop counts, not that it was not saved
                first.save_state(trainer.state(first.step))
            raise

        # 2. One step on the examples of all tasks. The noise of the routing follows from its number
        #    alone, so a training that was stopped draws the same.
        seed_step(self._base, digest("step", first.spec.seeds.lora_init, first.step, bits=62))
        for run in runs:
            run.in_step = True
        result = trainer.step(order.batches(first.step + 1), first.step + 1)
        for run in runs:
            run.record(result, self._accelerator.device)

        # 3. Checkpoints of every run, samples, then the state: it must not be newer than them.
        if first.at_checkpoint:
            for run, probe in zip(runs, probes, strict=True):
                ids = task_ids(run.spec)
                run.checkpoint(partial(trainer.write, probe=probe, task_ids=ids), result.loss)
            if sampler is not None:
                for run in runs:
                    trainer.routes.tasks = task_of(run.spec).index
                    sampler.sample_model(run.spec, run.step, trainer.peft)
        if first.should_save_state:
            first.save_state(trainer.state(first.step))

    def _load_runs(self) -> tuple[list[TrainingRun], list[torch.Tensor]]:
        """Read the runs, each with the examples of all, and the probe of each."""
        datasets = [self._load_dataset(spec) for spec in self._specs]
        examples: tuple[Example, ...] = tuple(
            TaskExample(example.ids, example.trained, example.weights, task)
            for task, dataset in enumerate(datasets)
            for example in dataset.examples
        )
        lines = tuple(line for dataset in datasets for line in dataset.lines)
        steps = total_steps(self._training, len(examples))
        state, notes = resume.newest(self._paths(self._specs[0]))
        for note in notes:
            self._worker.note(note, self._specs[0].run_id)
        runs = []
        for spec in self._specs:
            dataset = Dataset(examples, (), lines)
            run = TrainingRun(self._worker, spec, self._training, dataset, steps, state)
            run.provenance |= self._provenance(spec)
            if state is not None:
                run.step = state.step
                run.provenance["resumed_at"] = [state.step]
                self._worker.note(f"goes on from step {state.step} of {steps}", spec.run_id)
            clear(self._paths(spec), after=run.step)
            runs.append(run)
        return runs, [probe_ids(dataset) for dataset in datasets]

    def _load_dataset(self, spec: RunSpec) -> Dataset:
        dataset = load_examples(
            self._paths(spec).data,
            self._base.tokenizer,
            self._training,
            spec.mask_version,
            self._base.vocabulary,
            self._base.context,
        )
        others = [arm for arm in self._task.arms if arm != spec.arm]
        with_whom = f"with {', '.join(others)}" if others else "with no other arm"
        for note in (*dataset.notes, f"trains as one {with_whom}: {self._training.adapter}"):
            self._worker.note(note, spec.run_id)
        return dataset

    def _provenance(self, spec: RunSpec) -> dict[str, object]:
        task = task_of(spec)
        siblings = [name for name in task.runs if name != spec.run_id]
        return {"engine": "joint", "task": task.index, "arms": list(task.arms), "mates": siblings}

    def _paths(self, spec: RunSpec) -> RunPaths:
        return self._worker.run_paths(spec.run_id)
