"""A run's training by stock TRL and PEFT, as `run verify` compares it.

Promises: SFTTrainer trains, with PEFT's own adapter and nothing of ours in its way; every setting
that the run has is given to it by name, so that none of its own defaults (gradient checkpointing,
bf16, a learning rate of 2e-5) decides. It gets the run's tokens and mask, in columns that it knows
(what it makes of the chats itself, `mask_check` compares). Its batches are watched, not made.

What TRL does with the seeds, as `Stock.order` shows: `set_seed(seed)` and then `get_peft_model`
give the adapter's first weights; epoch e is shuffled by a generator seeded `data_seed + e`.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from transformers import TrainerCallback

from experiments.schema import TrainingConfig
from wgen_tui.protocol.runs import SeedSet
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.data import IGNORED, Dataset
from wgen_tui.workers.models import Base
from wgen_tui.workers.recipe import Order, lora_config
from wgen_tui.workers.train.start import load_weights
from wgen_tui.workers.verify.compare import scaling

# A batch as TRL's collator gets it: for each example the hash of its ids and of its labels.
Seen = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class TrlTraining:
    """What TRL made of a run.

    Attributes:
        initial: The adapter's tensors before the first step.
        final: Those after the last.
        scale: What its B x A is multiplied with.
        order: Its batches, in order.
    """

    initial: dict[str, torch.Tensor]
    final: dict[str, torch.Tensor]
    scale: float
    order: tuple[Seen, ...]


def settings(
    training: TrainingConfig, seeds: SeedSet, steps: int, device: torch.device, folder: str
) -> dict[str, Any]:
    """TRL's SFTConfig for a run."""
    warmup = training.warmup_steps or math.ceil(steps * training.warmup_ratio)
    length: dict[str, Any] = {"num_train_epochs": training.num_train_epochs}
    if training.max_steps is not None:
        length = {"max_steps": training.max_steps}
    return {
        **length,
        "seed": seeds.lora_init,
        "data_seed": seeds.data_order,
        "per_device_train_batch_size": training.per_device_train_batch_size,
        "gradient_accumulation_steps": training.gradient_accumulation_steps,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": training.lr_scheduler_type,
        "warmup_steps": warmup,
        "weight_decay": training.weight_decay,
        "max_grad_norm": training.max_grad_norm or 0.0,  # its word for: do not clip
        "adam_beta1": training.adam_beta1,
        "adam_beta2": training.adam_beta2,
        "adam_epsilon": training.adam_epsilon,
        "gradient_checkpointing": training.gradient_checkpointing,
        "gradient_checkpointing_kwargs": {"use_reentrant": False},
        "max_length": training.max_length,
        # A bf16 run loads its base in bf16 and computes without autocast; fp16 needs a scaler.
        "bf16": False,
        "fp16": training.precision == "fp16",
        "packing": False,
        **silent(device, folder),
    }


def silent(device: torch.device, folder: str) -> dict[str, Any]:
    """What keeps TRL from saving, reporting and drawing."""
    return {
        "use_cpu": device.type == "cpu",
        "output_dir": folder,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
    }


def train(
    base: Base,
    dataset: Dataset,
    training: TrainingConfig,
    seeds: SeedSet,
    steps: int,
    on_step: Callable[[int], None],
    padding: int | None = None,
    start: Path | None = None,
) -> TrlTraining:
    """Train a run's adapter with TRL.

    Args:
        base: Freshly loaded: TRL leaves its own output layer behind in the model.
        dataset: The run's examples.
        training: How to train.
        seeds: The run's.
        steps: How many optimiser steps it has.
        on_step: Called after each, with its number.
        padding: Pad every batch to a multiple of this many tokens.
        start: The checkpoint whose adapter is trained further; None for a new one.
    """
    import datasets  # noqa: PLC0415  an extra
    from trl import SFTConfig, SFTTrainer  # noqa: PLC0415  an extra

    datasets.disable_progress_bars()
    rows = [
        {"input_ids": list(example.ids), "assistant_masks": list(map(int, example.trained))}
        for example in dataset.examples
    ]
    with tempfile.TemporaryDirectory() as folder:
        config = settings(training, seeds, steps, base.device, folder)
        # TRL adds the load-balancing loss of a mixture of experts; a run is trained without.
        if "router_aux_loss_coef" in {item.name for item in fields(SFTConfig)}:
            config["router_aux_loss_coef"] = 0.0
        trainer = SFTTrainer(
            model=base.model,
            args=SFTConfig(**config, pad_to_multiple_of=padding),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=base.tokenizer,
            peft_config=lora_config(training, base.model),
            callbacks=[_Watch(on_step)],
        )
        recorder = _Recorder(trainer.data_collator)
        trainer.data_collator = recorder
        if start is not None:
            load_weights(trainer.model, start)
        initial = _tensors(trainer.model)
        trainer.train()
        scale = scaling(trainer.model.peft_config["default"])
        return TrlTraining(initial, _tensors(trainer.model), scale, tuple(recorder.seen))


def _tensors(model: Any) -> dict[str, torch.Tensor]:
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}


class _Watch(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
    """Tells how far the training is."""

    def __init__(self, on_step: Callable[[int], None]) -> None:
        self._on_step = on_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._on_step(state.global_step)


class _Recorder:
    """TRL's collator; notes which examples come, in order."""

    def __init__(self, collate: Callable[[list[dict[str, Any]]], Any]) -> None:
        self._collate = collate
        self.seen: list[Seen] = []

    def __call__(self, rows: list[dict[str, Any]]) -> Any:
        self.seen.append(
            tuple((hash(tuple(row["input_ids"])), hash(tuple(row["labels"]))) for row in rows)
        )
        return self._collate(rows)


def our_order(
    dataset: Dataset, training: TrainingConfig, data_order: int, steps: int
) -> list[list[Example]]:
    """The batches of a run, in the order in which it trains on them."""
    order = Order(dataset.examples, training, data_order)
    return [batch for step in range(1, steps + 1) for batch in order.batches(step)]


def same_order(ours: Sequence[Sequence[Example]], theirs: Sequence[Seen]) -> bool:
    """Whether TRL trained on these batches in this order; it may have fetched more than it used."""
    expected = [
        tuple(
            (hash(example.ids), hash(tuple(labels_of(example.ids, example.trained))))
            for example in batch
        )
        for batch in ours
    ]
    return expected == list(theirs[: len(expected)])


def labels_of(ids: Sequence[int], trained: Sequence[bool]) -> list[int]:
    """The labels of a mask, as TRL's collator has them."""
    return [token if kept else IGNORED for token, kept in zip(ids, trained, strict=True)]


def pick_padding(batches: Sequence[Sequence[Example]]) -> int:
    """The multiple to pad to that makes (nearly) every batch longer and costs least."""
    widths = [max(len(example.ids) for example in batch) for batch in batches]
    longer = range(8, 136, 8)
    unchanged = {size: sum(width % size == 0 for width in widths) for size in longer}
    return min(longer, key=lambda size: (unchanged[size], size))
