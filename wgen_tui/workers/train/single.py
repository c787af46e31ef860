"""One run, trained by itself: from its first step, or from where it was stopped, to its final checkpoint."""

from __future__ import annotations

import os
from contextlib import suppress

from accelerate import Accelerator

from wgen_tui.protocol.ids import digest
from wgen_tui.workers.models import Base, load_base
from wgen_tui.workers.recipe import Order, seed_step
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.train.run import TrainingRun, probe_ids
from wgen_tui.workers.train.sample_during import CheckpointSampler
from wgen_tui.workers.train.trainer import Trainer, any_process


def _trainer() -> type[Trainer]:
    """What trains in this launch."""
    if os.environ.get("ACCELERATE_USE_FSDP") != "true":
        return Trainer
    from wgen_tui.workers.train.fsdp import ShardedTrainer  # noqa: PLC0415  it builds on this module

    return ShardedTrainer


def train_single(
    worker: Worker,
    base: Base,
    accelerator: Accelerator,
    member: TrainingRun,
    watch: CheckpointSampler | None = None,
) -> None:
    """Train one run from its first step, or from where it was stopped, to its final checkpoint.

    Raises:
        WorkerError: it diverged, or was to be sharded where accelerate does not shard.
    """
    training, spec = member.training, member.spec
    if accelerator.num_processes > 1:
        worker.any_process = any_process(accelerator)
    if base.model is None:  # the run before had it sharded
        base.model = load_base(spec.model, training, spec.chat_template, base.device).model
    make = _trainer()
    trainer = make(base, accelerator, training, spec.seeds.lora_init, member.steps)
    kept = frozenset(training.checkpoints.steps(member.steps))
    probe = probe_ids(member.dataset)
    order = Order(member.dataset.examples, training, spec.seeds.data_order)
    try:
        if member.state is not None:
            trainer.restore(member.state)
        with member.recording():
            while member.step < member.steps:
                try:
                    worker.check_cancelled(spec.run_id)
                except Exception:
                    with suppress(OSError):  # the reason to stop counts, not that it was not saved
                        member.save(trainer.state(member.step))
                    raise
                seed_step(base, digest("step", spec.seeds.lora_init, member.step, bits=62))
                done = trainer.step(order.batches(member.step + 1))
                member.record(done, accelerator.device)
                if member.step in kept:
                    trainer.gather(probe)
                if member.keeps:
                    member.checkpoint(lambda place: trainer.write(place, probe), done.loss)
                    if watch is not None and accelerator.num_processes == 1:
                        watch.sample_model(spec, member.step, trainer.peft)
                if worker.any_process(member.wants_save):
                    member.save(trainer.state(member.step))
    finally:
        base.model = trainer.close()
