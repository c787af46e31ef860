"""Runs that are trained as one: a Poly or MHR adapter on the examples of all its arms.

Promises: every run of a joint training gets every checkpoint, or none its final one; what stops one
stops all; what only some of them have on disk the others take from there (`mates`). The state to go
on from is kept with the first run (task 0), and is written after the checkpoints of its step.
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
from wgen_tui.protocol.ids import digest
from wgen_tui.protocol.launches import RunOutcome
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.manifests import is_trained
from wgen_tui.run_files.steps import total_steps
from wgen_tui.workers.checkpoints import clear
from wgen_tui.workers.data import Dataset, Example, load_examples
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
    """The runs that are trained for themselves, and those of each joint training by task."""
    own: list[RunSpec] = []
    joint: dict[tuple[str, ...], list[RunSpec]] = defaultdict(list)
    for spec in specs:
        if spec.task is None:
            own.append(spec)
        else:
            joint[spec.task.runs].append(spec)
    return own, [sorted(group, key=lambda spec: task_of(spec).index) for group in joint.values()]


def train_joint(
    worker: Worker,
    base: Base,
    accelerator: Accelerator,
    specs: Sequence[RunSpec],
    watch: CheckpointSampler | None = None,
) -> None:
    """Train the runs of one joint training to their final checkpoint; each gets its outcome."""
    for spec in specs:
        worker.begin_run(spec.run_id)
    try:
        joint = Joint(worker, base, accelerator, specs)
        joint.check_cancelled()
        copy_from_siblings(worker, base, specs)
        if not joint.trained:
            joint.train(watch)
    except Cancelled:
        _settle_cancelled(worker, specs)
    except Exception as error:  # other runs of the launch have still their turn
        for spec in specs:
            worker.record_error(spec.run_id, error)
    else:
        for spec in specs:
            worker.end_run(spec.run_id)


def _settle_cancelled(worker: Worker, specs: Sequence[RunSpec]) -> None:
    """End all runs; to those that nobody cancelled it is said which one was."""
    asked: dict[str, Cancelled] = {}
    for spec in specs:
        try:
            worker.check_cancelled(spec.run_id)
        except Cancelled as stop:
            asked[spec.run_id] = stop
    message = f"It is trained as one with {', '.join(asked)}, which was cancelled."
    for spec in specs:
        if spec.run_id in asked:
            worker.record_error(spec.run_id, asked[spec.run_id])
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

    def train(self, watch: CheckpointSampler | None) -> None:
        """Train from the first step, or from where it was stopped.

        Raises:
            WorkerError: a mate is not in the launch, or it diverged.
        """
        missing = [name for name in self._task.runs if name not in self._worker.spec.run_ids]
        if missing:
            raise WorkerError(
                f"It is trained as one with {', '.join(missing)}, which this launch leaves out.",
                title="Not without its mates",
                hint="`wgen-tui run start` puts all of them into one launch.",
            )
        members, probes = self._members()
        first, seeds = members[0], self._specs[0].seeds
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
                for member in members:
                    recording.enter_context(member.recording())
                while not first.done:
                    self._step(trainer, order, members, probes, watch)
        finally:
            self._base.model = trainer.close()

    def _step(
        self,
        trainer: PolyTrainer,
        order: Order,
        members: Sequence[TrainingRun],
        probes: Sequence[torch.Tensor],
        watch: CheckpointSampler | None,
    ) -> None:
        first = members[0]
        try:
            self.check_cancelled()
        except Cancelled:
            with suppress(OSError):  # the reason to stop counts, not that it was not saved
                first.save(trainer.state(first.step))
            raise
        # The noise of the routing follows from the step alone.
        seed_step(self._base, digest("step", first.spec.seeds.lora_init, first.step, bits=62))
        done = trainer.step(order.batches(first.step + 1))
        for member in members:
            member.record(done, self._accelerator.device)
        if first.keeps:
            for member, probe in zip(members, probes, strict=True):
                ids = task_ids(member.spec)
                member.checkpoint(partial(trainer.write, probe=probe, task_ids=ids), done.loss)
            if watch is not None:
                for member in members:
                    trainer.routes.tasks = task_of(member.spec).index
                    watch.sample_model(member.spec, member.step, trainer.peft)
        if first.wants_save:
            first.save(trainer.state(first.step))

    def _members(self) -> tuple[list[TrainingRun], list[torch.Tensor]]:
        """The runs as they stand, each with the examples of all; and the prompt each is known by."""
        own = [self._load(spec) for spec in self._specs]
        every: tuple[Example, ...] = tuple(
            TaskExample(example.ids, example.trained, task)
            for task, dataset in enumerate(own)
            for example in dataset.examples
        )
        steps = total_steps(self._training, len(every))
        state, notes = resume.newest(self._paths(self._specs[0]))
        for note in notes:
            self._worker.note(note, self._specs[0].run_id)
        members = []
        for spec in self._specs:
            dataset = Dataset(every, ())
            member = TrainingRun(self._worker, spec, self._training, dataset, steps, state)
            member.provenance |= self._provenance(spec)
            if state is not None:
                member.step = state.step
                member.provenance["resumed_at"] = [state.step]
                self._worker.note(f"goes on from step {state.step} of {steps}", spec.run_id)
            clear(self._paths(spec), after=member.step)
            members.append(member)
        return members, [probe_ids(dataset) for dataset in own]

    def _load(self, spec: RunSpec) -> Dataset:
        dataset = load_examples(self._paths(spec).data, self._base.tokenizer, self._training)
        others = [arm for arm in self._task.arms if arm != spec.arm]
        with_whom = f"with {', '.join(others)}" if others else "with no other arm"
        for note in (*dataset.notes, f"trains as one {with_whom}: {self._training.adapter}"):
            self._worker.note(note, spec.run_id)
        return dataset

    def _provenance(self, spec: RunSpec) -> dict[str, object]:
        task = task_of(spec)
        mates = [name for name in task.runs if name != spec.run_id]
        return {"engine": "joint", "task": task.index, "arms": list(task.arms), "mates": mates}

    def _paths(self, spec: RunSpec) -> RunPaths:
        return self._worker.run_paths(spec.run_id)
