"""What a training configuration means: PEFT's configuration, the steps, the schedule, the order.

Promises: the numbers are those of transformers' Trainer: same count of steps, same learning rates,
same order of examples for the same seed; all of it can be asked for at any step, so a training that
goes on needs nothing but its step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from peft import LoraConfig
from transformers import get_scheduler

from experiments.schema import TrainingConfig
from wgen_tui.run_files.steps import steps_per_epoch
from wgen_tui.training_data.adapter_targets import wrong_targets
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import WorkerError


def linear_names(model: Any) -> list[str]:
    """The names that PEFT's "all-linear" stands for: every linear module but the output layer.

    PEFT takes `layers_to_transform` only together with names.
    """
    output = model.get_output_embeddings()
    names = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not output
    }
    return sorted(names)


def lora_config(training: TrainingConfig, model: Any) -> LoraConfig:
    """PEFT's configuration of an adapter for a model.

    Raises:
        WorkerError: it names modules or layers that the model does not have.
    """
    lora = training.lora
    if wrong := wrong_targets(lora, (name for name, _ in model.named_modules())):
        message, hint = wrong
        raise WorkerError(message, title="LoRA targets", hint=hint)
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
        use_dora=lora.use_dora,
        modules_to_save=None if lora.modules_to_save is None else list(lora.modules_to_save),
        bias="none",
        task_type="CAUSAL_LM",
    )


@lru_cache(maxsize=8)
def _rates(kind: str, peak: float, warmup: int, steps: int) -> tuple[float, ...]:
    """The learning rate of every step and of the one after the last; runs of a grid share them."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=peak)
    scheduler = get_scheduler(kind, optimizer, num_warmup_steps=warmup, num_training_steps=steps)
    optimizer.step()  # torch warns where a schedule steps before its optimiser
    rates = []
    for _ in range(steps + 1):
        rates.append(float(scheduler.get_last_lr()[0]))
        scheduler.step()
    return tuple(rates)


class Schedule:
    """The learning rate at each step, from transformers' own schedulers."""

    def __init__(self, training: TrainingConfig, steps: int) -> None:
        warmup = training.warmup_steps or math.ceil(steps * training.warmup_ratio)
        self._rates = _rates(training.lr_scheduler_type, training.learning_rate, warmup, steps)
        self._done = 0

    @property
    def rate(self) -> float:
        """The learning rate of the step that comes next."""
        return self._rates[self._done]

    def advance(self, steps: int = 1) -> None:
        """Go on by as many steps."""
        self._done += steps


class Order:
    """Which examples each step of a training sees; accumulation ends with the epoch.

    Epoch e is shuffled by a generator seeded `seed + e`, as transformers' Trainer does it.
    """

    def __init__(self, examples: Sequence[Example], training: TrainingConfig, seed: int) -> None:
        self._examples = examples
        self._size = training.per_device_train_batch_size
        self._accumulate = training.gradient_accumulation_steps
        self._per_epoch = steps_per_epoch(training, len(examples))
        self._seed = seed
        self._epoch = lru_cache(maxsize=1)(self._shuffled)

    def batches(self, step: int) -> list[list[Example]]:
        """The batches of a step (the first is 1)."""
        return [[self._examples[place] for place in batch] for batch in self.places(step)]

    def places(self, step: int) -> list[list[int]]:
        """Where the examples of a step's batches stand, from 0."""
        epoch, place = divmod(step - 1, self._per_epoch)
        order = self._epoch(epoch)
        start = place * self._accumulate * self._size
        end = min(start + self._accumulate * self._size, len(order))
        return [
            order[first : min(first + self._size, end)] for first in range(start, end, self._size)
        ]

    def _shuffled(self, epoch: int) -> list[int]:
        generator = torch.Generator().manual_seed(self._seed + epoch)
        order: list[int] = torch.randperm(len(self._examples), generator=generator).tolist()
        return order


def seed_step(base: Base, seed: int) -> None:
    """Make what is drawn at random in a step (dropout) follow from the step alone."""
    # Not torch.manual_seed: without CUDA it keeps a traceback of every call.
    torch.default_generator.manual_seed(seed)
    if base.device.type == "cuda":
        torch.cuda.manual_seed(seed)


@lru_cache(maxsize=4096)
def _trained(example: Example) -> int:
    return sum(example.trained[1:])


@lru_cache(maxsize=4096)
def _weight(example: Example) -> float:
    return example.weight


def weight_of(batches: Sequence[Sequence[Example]]) -> float:
    """What the tokens weigh that count in the loss of a step: what its loss is a mean over."""
    return math.fsum(_weight(example) for batch in batches for example in batch)


def trained_tokens(batches: Sequence[Sequence[Example]]) -> int:
    """Tokens that count in the loss of a step."""
    return sum(_trained(example) for batch in batches for example in batch)
