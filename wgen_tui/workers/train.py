"""The train worker: LoRA fine-tunes of one launch, one after another, off one loaded base.

Promises: started by `accelerate launch`; adapters are stock PEFT folders; the base is unchanged
after every run; a run that has its final checkpoint is not trained again, any other begins anew; a
metrics row is on disk for every optimiser step that was reported.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, TextIO

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import LoraConfig, get_peft_model
from transformers import get_scheduler

from experiments.schema import TrainingConfig
from wgen_tui.protocol import MetricRow, RunSpec, now
from wgen_tui.workers.checkpoints import clear, is_trained, write_checkpoint
from wgen_tui.workers.data import (
    Dataset,
    Example,
    batches_per_epoch,
    collate,
    epoch_batches,
    load_examples,
)
from wgen_tui.workers.models import Base, load_base
from wgen_tui.workers.runtime import Worker, WorkerError, end_last_line, launch_worker


def linear_names(model: Any) -> list[str]:
    """The names that PEFT's "all-linear" stands for: every linear module but the output layer.

    PEFT takes `layers_to_transform` only together with names.
    """
    output = model.get_output_embeddings()
    found = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not output
    }
    return sorted(found)


def lora_config(training: TrainingConfig, model: Any) -> LoraConfig:
    """PEFT's configuration of an adapter for a model."""
    lora = training.lora
    targets = lora.target_modules
    if targets == "all-linear" and lora.layers_to_transform is not None:
        targets = tuple(linear_names(model))
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        layers_to_transform=(
            None if lora.layers_to_transform is None else list(lora.layers_to_transform)
        ),
        use_rslora=lora.use_rslora,
        bias="none",
        task_type="CAUSAL_LM",
    )


def total_steps(training: TrainingConfig, examples: int) -> int:
    """Optimiser steps of a training, counted as transformers' Trainer counts them."""
    if training.max_steps is not None:
        return training.max_steps
    batches = batches_per_epoch(training, examples)
    per_epoch = math.ceil(batches / training.gradient_accumulation_steps)
    return max(1, math.ceil((training.num_train_epochs or 0) * per_epoch))


def step_batches(
    dataset: Dataset, training: TrainingConfig, seed: int
) -> Iterator[list[list[Example]]]:
    """Yield the batches of each optimiser step; accumulation does not reach over an epoch's end."""
    batches = epoch_batches(dataset.examples, training.per_device_train_batch_size, seed)
    per_epoch = batches_per_epoch(training, len(dataset.examples))
    while True:
        epoch = list(islice(batches, per_epoch))
        size = training.gradient_accumulation_steps
        for start in range(0, len(epoch), size):
            yield epoch[start : start + size]


@dataclass
class Step:
    """What one optimiser step did."""

    loss: float
    tokens: int
    grad_norm: float | None
    learning_rate: float


class Trainer:
    """One run's model, optimiser and schedule.

    The step is the mean over all trained tokens of its batches, whatever their lengths.
    """

    def __init__(
        self, base: Base, accelerator: Accelerator, training: TrainingConfig, seed: int, steps: int
    ) -> None:
        set_seed(seed)
        self.peft = get_peft_model(base.model, lora_config(training, base.model))
        if training.gradient_checkpointing:
            self.peft.enable_input_require_grads()
            self.peft.gradient_checkpointing_enable({"use_reentrant": False})
        self.peft.train()
        self._accelerator = accelerator
        self._training = training
        self._pad = int(base.tokenizer.pad_token_id)
        parameters = [p for p in self.peft.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            parameters,
            lr=training.learning_rate,
            betas=(training.adam_beta1, training.adam_beta2),
            eps=training.adam_epsilon,
            weight_decay=training.weight_decay,
        )
        warmup = training.warmup_steps or math.ceil(steps * training.warmup_ratio)
        self._schedule = get_scheduler(
            training.lr_scheduler_type,
            optimizer,
            num_warmup_steps=warmup,
            num_training_steps=steps,
        )
        self._model, self._optimizer = accelerator.prepare(self.peft, optimizer)

    def step(self, batches: list[list[Example]]) -> Step:
        """Do one optimiser step over `batches` (gradients are accumulated over them)."""
        accelerator = self._accelerator
        world, rank = accelerator.num_processes, accelerator.process_index
        rate = float(self._schedule.get_last_lr()[0])
        tokens = sum(sum(e.trained[1:]) for batch in batches for e in batch)
        total = 0.0
        for batch in batches:
            mine = batch[rank::world]
            # A process without an example of its own still takes part, with nothing to learn.
            shard = mine or [Example(batch[0].ids, (False,) * len(batch[0].ids))]
            ids, mask, labels = collate(shard, self._pad, accelerator.device)
            logits = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits
            kept = labels >= 0
            loss = torch.nn.functional.cross_entropy(
                logits[kept].float(), labels[kept], reduction="sum"
            )
            # Gradients are averaged over processes; the sum is wanted.
            accelerator.backward(loss * world / tokens)
            total += accelerator.reduce(loss.detach(), "sum").item()
        mean = total / tokens
        if not math.isfinite(mean):
            raise WorkerError(
                f"The loss is {mean}.",
                title="Training diverged",
                hint="Lower learning_rate, or train in bf16 or fp32.",
            )
        norm = None
        if self._training.max_grad_norm is not None:
            found = accelerator.clip_grad_norm_(
                self._model.parameters(), self._training.max_grad_norm
            )
            norm = None if found is None else float(found)
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad()
        return Step(mean, tokens, norm, rate)

    def close(self) -> Any:
        """Take the adapter out again.

        Returns:
            The base model, as it was before.
        """
        model = self.peft.unload()
        self._accelerator.free_memory()
        return model.eval().requires_grad_(False)


def memory_mb(device: torch.device) -> float:
    """The peak so far: of the GPU's allocator, or of the process."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device)) / 2**20
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def train_run(worker: Worker, base: Base, accelerator: Accelerator, spec: RunSpec) -> None:
    """Train one run, from the first step to the final checkpoint."""
    training = spec.training
    if training is None:
        return
    run = worker.run_paths(spec.run_id)
    if is_trained(run):
        worker.note("is trained already", spec.run_id)
        return
    dataset = load_examples(run.data, base.tokenizer, training)
    for note in dataset.notes:
        worker.note(note, spec.run_id)
    steps = total_steps(training, len(dataset.examples))
    if worker.main:
        clear(run)
    trainer = Trainer(base, accelerator, training, spec.seeds.lora_init, steps)
    end_last_line(run.metrics)
    try:
        with run.metrics.open("a") as metrics:
            _loop(worker, trainer, accelerator, spec, training, dataset, steps, metrics)
    finally:
        base.model = trainer.close()


def _loop(
    worker: Worker,
    trainer: Trainer,
    accelerator: Accelerator,
    spec: RunSpec,
    training: TrainingConfig,
    dataset: Dataset,
    steps: int,
    metrics: TextIO,
) -> None:
    per_epoch = math.ceil(
        batches_per_epoch(training, len(dataset.examples)) / training.gradient_accumulation_steps
    )
    kept = set(training.checkpoints.steps(steps))
    started = time.monotonic()
    batches = step_batches(dataset, training, spec.seeds.data_order)
    for step, batch in enumerate(islice(batches, steps), start=1):
        worker.check_cancelled(spec.run_id)
        before = time.monotonic()
        done = trainer.step(batch)
        seconds = time.monotonic() - before
        if worker.main:
            row = MetricRow(
                step=step,
                steps=steps,
                epoch=step / per_epoch,
                loss=done.loss,
                learning_rate=done.learning_rate,
                grad_norm=done.grad_norm,
                tokens=done.tokens,
                tokens_per_second=done.tokens / seconds if seconds else None,
                memory_mb=memory_mb(accelerator.device),
                at=now(),
            )
            metrics.write(row.model_dump_json() + "\n")
            metrics.flush()
        if step in kept and worker.main:
            write_checkpoint(
                worker.run_paths(spec.run_id), spec.run_id, trainer.peft, step, steps, done.loss
            )
            worker.emit("checkpoint", spec.run_id, done=step, total=steps, unit="steps")
        rate = step / max(time.monotonic() - started, 1e-9)
        worker.progress(spec.run_id, step, steps, "steps", rate=rate, loss=done.loss)


def train(worker: Worker) -> None:
    """Train every run of the launch."""
    specs = [worker.run_spec(run_id) for run_id in worker.spec.run_ids]
    first = next(spec for spec in specs if spec.training is not None)
    precision = first.training.precision if first.training else "auto"
    accelerator = Accelerator(mixed_precision="fp16" if precision == "fp16" else "no")
    base: Base | None = None
    loaded: tuple[Any, ...] = ()
    for spec in specs:
        with worker.run(spec.run_id):
            worker.check_cancelled(spec.run_id)
            wanted = (
                spec.model,
                spec.chat_template,
                spec.training and (spec.training.precision, spec.training.quantization),
            )
            if base is None or loaded != wanted:
                base = load_base(spec.model, spec.training, spec.chat_template, accelerator.device)
                loaded = wanted
                worker.emit("ready", message=base.reason)
                print(base.reason, flush=True)
            train_run(worker, base, accelerator, spec)


if __name__ == "__main__":
    sys.exit(launch_worker("train", train))
