"""One run trained by itself: from its first step, or where it was stopped, to its final checkpoint.

Promises: a run that is told to stop saves the state it stands at; the base is as before afterwards.
"""

from __future__ import annotations

import os
from contextlib import suppress

from accelerate import Accelerator

from wgen_tui.protocol.hashes import digest
from wgen_tui.workers.models import Base, load_base
from wgen_tui.workers.recipe import Order, seed_step
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.train.run import TrainingRun, probe_ids
from wgen_tui.workers.train.sample_during import CheckpointSampler
from wgen_tui.workers.train.start import start_folder
from wgen_tui.workers.train.trainer import Trainer, any_process


def _trainer_class() -> type[Trainer]:
    """The trainer of this launch: sharded where accelerate is told to shard."""
    if os.environ.get("ACCELERATE_USE_FSDP") != "true":
        return Trainer
    from wgen_tui.workers.train.fsdp import ShardedTrainer  # noqa: PLC0415  slow, seldom needed

    return ShardedTrainer


def train_single(
    worker: Worker,
    base: Base,
    accelerator: Accelerator,
    run: TrainingRun,
    sampler: CheckpointSampler | None = None,
) -> None:
    """Train one run to its final checkpoint.

    Raises:
        WorkerError: it diverged, or was to be sharded where accelerate does not shard.
    """
    training, spec = run.training, run.spec
    if accelerator.num_processes > 1:
        worker.any_process = any_process(accelerator)
    if base.model is None:  # the run before had it sharded
        base.model = load_base(spec.model, training, spec.chat_template, base.device).model
    start, _ = start_folder(worker.home, spec.parent)
    trainer = _trainer_class()(base, accelerator, training, spec.seeds.lora_init, run.steps, start)
    checkpoint_steps = frozenset(training.checkpoints.steps(run.steps))
    probe = probe_ids(run.dataset)
    order = Order(run.dataset.examples, training, spec.seeds.data_order)
    try:
        if run.state is not None:
            trainer.restore(run.state)
        with run.recording():
            while run.step < run.steps:
                # 1. Whether to stop; every process asks at the same step.
                try:
                    worker.check_cancelled(spec.run_id)
                except Exception:
                    with suppress(OSError):  # the reason to stop counts, not that it was not saved
                        run.save_state(trainer.state(run.step))
                    raise

                # 2. The step. What it draws at random (dropout) follows from its number alone, so
                #    a run that was stopped draws the same.
                seed_step(base, digest("step", spec.seeds.lora_init, run.step, bits=62))
                run.in_step = True
                number, held = run.step + 1, run.regulariser
                result = (
                    trainer.step(order.batches(number), number)
                    if held is None
                    else trainer.step(
                        order.batches(number), number, held.batches(number), held.beta
                    )
                )
                run.record(result, accelerator.device)

                # 3. Checkpoint, samples, state to resume from. All processes gather, one writes.
                if run.step in checkpoint_steps:
                    trainer.gather(probe)
                if run.at_checkpoint:
                    run.checkpoint(lambda folder: trainer.write(folder, probe), result.loss)
                    if sampler is not None and accelerator.num_processes == 1:
                        sampler.sample_model(spec, run.step, trainer.peft)
                if worker.any_process(run.should_save_state):
                    run.save_state(trainer.state(run.step))
    finally:
        base.model = trainer.close()
