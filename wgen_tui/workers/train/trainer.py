"""Trains one run by itself, with stock PEFT under accelerate.

For what the grid does not stack: several processes (DDP, FSDP), DoRA, modules that are trained
whole. Promises: the step is the mean over all trained tokens of its batches, however they are
spread over processes; the base is unchanged afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from peft import PeftConfig, get_peft_model

from experiments.schema import TrainingConfig
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.adapters import unload
from wgen_tui.workers.arms.regulariser import peft_kl
from wgen_tui.workers.checkpoints import write_probe
from wgen_tui.workers.data import collate, weighted
from wgen_tui.workers.models import Base, padding_id
from wgen_tui.workers.recipe import Schedule, lora_config, trained_tokens, weight_of
from wgen_tui.workers.train.resume import TrainState
from wgen_tui.workers.train.run import StepResult, diverged
from wgen_tui.workers.train.start import load_weights


class Trainer:
    """One run's model, optimiser and schedule."""

    def __init__(
        self,
        base: Base,
        accelerator: Accelerator,
        training: TrainingConfig,
        seed: int,
        steps: int,
        start: Path | None = None,
    ) -> None:
        set_seed(seed)
        self.peft = get_peft_model(base.model, self._config(training, base.model))
        if start is not None:
            load_weights(self.peft, start)
        if training.gradient_checkpointing:
            self.peft.enable_input_require_grads()
            self.peft.gradient_checkpointing_enable({"use_reentrant": False})
        self.peft.train()
        self._accelerator = accelerator
        self._training = training
        self._pad_id = padding_id(base.tokenizer)
        self._names = {p: peft_name(n) for n, p in self.peft.named_parameters() if p.requires_grad}
        optimizer = torch.optim.AdamW(
            list(self._names),
            lr=training.learning_rate,
            betas=(training.adam_beta1, training.adam_beta2),
            eps=training.adam_epsilon,
            weight_decay=training.weight_decay,
        )
        self.schedule = Schedule(training, steps)
        self._model, self._optimizer = accelerator.prepare(self.peft, optimizer)

    def _config(self, training: TrainingConfig, model: Any) -> PeftConfig:
        """The adapter to train."""
        return lora_config(training, model)

    def _logits(
        self, shard: Sequence[Example], ids: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """The model's logits of a batch, [examples, tokens, vocabulary]."""
        logits: torch.Tensor = self._model(
            input_ids=ids, attention_mask=mask, use_cache=False
        ).logits
        return logits

    def step(
        self,
        batches: list[list[Example]],
        number: int,
        held: Sequence[list[Example]] = (),
        beta: float = 0.0,
    ) -> StepResult:
        """Do one optimiser step, of this number; gradients are accumulated over `batches`.

        Args:
            batches: What it trains on.
            number: Of the step, from 1.
            held: Rows on whose answers KL to the base counts `beta`, in one process alone.
            beta: What the mean over their tokens counts.

        Raises:
            WorkerError: the loss or its gradient is not finite.
        """
        accelerator = self._accelerator
        processes, rank = accelerator.num_processes, accelerator.process_index
        # 1. The learning rate, by the schedule of transformers.
        rate = self.schedule.rate
        for group in self._optimizer.param_groups:
            group["lr"] = rate

        # 2. Forward and backward over this process's examples of each batch. The loss is the mean
        #    over the trained tokens of all batches, whichever process has them, by their weights.
        tokens, weight = trained_tokens(batches), weight_of(batches)
        total = 0.0
        for batch in batches:
            shard = batch[rank::processes]
            if not shard:  # it still takes part in the collectives, with nothing to learn
                shard = [Example(batch[0].ids, (False,) * len(batch[0].ids))]
            ids, mask, labels = collate(shard, self._pad_id, accelerator.device)  # [B, T] each
            logits = self._logits(shard, ids, mask)  # [B, T, vocabulary]
            trained = labels >= 0
            losses = torch.nn.functional.cross_entropy(
                logits[trained].float(), labels[trained], reduction="none"
            )
            loss = weighted(losses, shard, ids.size(1))
            # DDP and FSDP average gradients over processes; the sum is wanted.
            accelerator.backward(loss * processes / weight)
            total += accelerator.reduce(loss.detach(), "sum").item()
        mean = total / weight
        if not math.isfinite(mean):
            raise diverged(mean, number, rate)

        kl = self._kl(held, beta) if held else None

        # 3. Clip, and one optimiser step. Under fp16 one that overflows is skipped.
        norm = None
        if self._training.max_grad_norm is not None:
            clipped = accelerator.clip_grad_norm_(
                self._model.parameters(), self._training.max_grad_norm
            )
            norm = None if clipped is None else float(clipped)
            # Under fp16 an overflow is skipped below.
            if norm is not None and not math.isfinite(norm) and accelerator.scaler is None:
                raise diverged(mean, number, rate)
        self._optimizer.step()
        if not accelerator.optimizer_step_was_skipped:
            self.schedule.advance()
        self._optimizer.zero_grad()
        return StepResult(mean, tokens, norm, rate, kl)

    def _kl(self, held: Sequence[list[Example]], beta: float) -> float:
        """Add the gradient of beta · KL(adapter || base), and return the mean over tokens."""
        scaler, tokens = self._accelerator.scaler, trained_tokens(held)
        scale = 1.0 if scaler is None else scaler.get_scale()
        total = 0.0
        for batch in held:
            ids, mask, labels = collate(batch, self._pad_id, self._accelerator.device)
            total += peft_kl(self.peft, ids, mask, labels >= 0, scale * beta / tokens)
        return total / tokens

    def state(self, step: int) -> TrainState:
        """What a training needs to resume from here."""
        moments = self._optimizer.state
        parts: dict[str, Any] = {"weights": {}, "exp_avg": {}, "exp_avg_sq": {}}
        for parameter, name in self._names.items():
            parts["weights"][name] = self._to_store(parameter.detach())
            parts["exp_avg"][name] = self._to_store(moments[parameter]["exp_avg"])
            parts["exp_avg_sq"][name] = self._to_store(moments[parameter]["exp_avg_sq"])
        scaler = self._accelerator.scaler
        numbers = {"updates": float(moments[next(iter(self._names))]["step"])}
        if scaler is not None and (scaling := scaler.state_dict()):
            numbers |= {"scale": scaling["scale"], "growth": float(scaling["_growth_tracker"])}
        return TrainState(step, **parts, numbers=numbers)

    def _to_store(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor as it is stored."""
        return tensor.cpu()

    def restore(self, state: TrainState) -> None:
        """Resume from a state."""
        updates = state.numbers["updates"]
        with torch.no_grad():
            for parameter, name in self._names.items():
                parameter.copy_(state.weights[name])
                self._optimizer.state[parameter] = {
                    "step": torch.tensor(updates),
                    "exp_avg": state.exp_avg[name].to(parameter),
                    "exp_avg_sq": state.exp_avg_sq[name].to(parameter),
                }
        self.schedule.advance(int(updates))
        scaler = self._accelerator.scaler
        if scaler is not None and "scale" in state.numbers:
            scaling = {
                "scale": state.numbers["scale"],
                "_growth_tracker": int(state.numbers["growth"]),
            }
            scaler.load_state_dict({**scaler.state_dict(), **scaling})

    def gather(self, probe: torch.Tensor) -> None:
        """Gather what `write` writes, in every process; nothing to do where each has all of it."""

    def write(self, folder: Path, probe: torch.Tensor, **more: torch.Tensor) -> None:
        """Write PEFT's files, and the probe with its logits; `more` goes to the model with it."""
        model = self._accelerator.unwrap_model(self._model)
        write_adapter(model, folder, probe.to(self._accelerator.device), **more)
        model.train()

    def close(self) -> Any:
        """Remove the adapter from the model.

        Returns:
            The base model, as it was before.
        """
        model = unload(self.peft)
        self._accelerator.free_memory()
        if self._training.gradient_checkpointing:
            model.gradient_checkpointing_disable()
        return model.eval().requires_grad_(False)


def write_adapter(model: Any, folder: Path, probe: torch.Tensor, **more: torch.Tensor) -> None:
    """Write a model's adapter, and its logits after a probe; leaves it in eval mode."""
    # save_embedding_layers: "auto" would ask the hub whether the vocabulary grew.
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)
    model.eval()
    with torch.inference_mode():
        logits = model(input_ids=probe[None], **more).logits[0, -1]
    write_probe(folder, probe, logits)


def peft_name(name: str) -> str:
    """A parameter's name as PEFT writes it to adapter_model.safetensors."""
    return name.replace(".default", "")


def any_process(accelerator: Accelerator) -> Callable[[bool], bool]:
    """`Worker.any_process` of a launch with several processes."""

    def any_of(here: bool) -> bool:
        flag = torch.tensor(int(here), device=accelerator.device)
        return int(accelerator.reduce(flag, "sum")) > 0

    return any_of
