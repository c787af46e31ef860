"""One run trained by itself, with stock PEFT under accelerate.

For what the grid does not stack: several processes (DDP, FSDP), DoRA, modules that are trained
whole. Promises: the step is the mean over all trained tokens of its batches, however they are spread
over processes; the base is unchanged afterwards.
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
from wgen_tui.workers.checkpoints import write_probe
from wgen_tui.workers.data import Example, collate
from wgen_tui.workers.models import Base
from wgen_tui.workers.recipe import Schedule, lora_config, trained_tokens
from wgen_tui.workers.train.resume import TrainState
from wgen_tui.workers.train.run import StepDone, diverged


class Trainer:
    """One run's model, optimiser and schedule."""

    def __init__(
        self, base: Base, accelerator: Accelerator, training: TrainingConfig, seed: int, steps: int
    ) -> None:
        set_seed(seed)
        self.peft = get_peft_model(base.model, self._config(training, base.model))
        if training.gradient_checkpointing:
            self.peft.enable_input_require_grads()
            self.peft.gradient_checkpointing_enable({"use_reentrant": False})
        self.peft.train()
        self._accelerator = accelerator
        self._training = training
        self._pad = int(base.tokenizer.pad_token_id)
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
        """What the model says of a batch, [examples, tokens, vocabulary]."""
        logits: torch.Tensor = self._model(
            input_ids=ids, attention_mask=mask, use_cache=False
        ).logits
        return logits

    def step(self, batches: list[list[Example]]) -> StepDone:
        """Do one optimiser step over `batches` (gradients are accumulated over them).

        Raises:
            WorkerError: the loss is not finite.
        """
        accelerator = self._accelerator
        world, rank = accelerator.num_processes, accelerator.process_index
        rate = self.schedule.rate
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        tokens = trained_tokens(batches)
        total = 0.0
        for batch in batches:
            mine = batch[rank::world]
            # A process without an example of its own still takes part, with nothing to learn.
            shard = mine or [Example(batch[0].ids, (False,) * len(batch[0].ids))]
            ids, mask, labels = collate(shard, self._pad, accelerator.device)
            logits = self._logits(shard, ids, mask)
            kept = labels >= 0
            loss = torch.nn.functional.cross_entropy(
                logits[kept].float(), labels[kept], reduction="sum"
            )
            # Gradients are averaged over processes; the sum is wanted.
            accelerator.backward(loss * world / tokens)
            total += accelerator.reduce(loss.detach(), "sum").item()
        mean = total / tokens
        if not math.isfinite(mean):
            raise diverged(mean)
        norm = None
        if self._training.max_grad_norm is not None:
            found = accelerator.clip_grad_norm_(
                self._model.parameters(), self._training.max_grad_norm
            )
            norm = None if found is None else float(found)
        self._optimizer.step()
        if not accelerator.optimizer_step_was_skipped:
            self.schedule.advance()
        self._optimizer.zero_grad()
        return StepDone(mean, tokens, norm, rate)

    def state(self, step: int) -> TrainState:
        """What a training needs to go on from here."""
        moments = self._optimizer.state
        parts: dict[str, dict[str, torch.Tensor]] = {"weights": {}, "means": {}, "squares": {}}
        for parameter, name in self._names.items():
            parts["weights"][name] = self._kept(parameter.detach())
            parts["means"][name] = self._kept(moments[parameter]["exp_avg"])
            parts["squares"][name] = self._kept(moments[parameter]["exp_avg_sq"])
        scaler = self._accelerator.scaler
        numbers = {"updates": float(moments[next(iter(self._names))]["step"])}
        if scaler is not None and (kept := scaler.state_dict()):
            numbers |= {"scale": kept["scale"], "growth": float(kept["_growth_tracker"])}
        return TrainState(step, **parts, numbers=numbers)

    def _kept(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor as it is stored."""
        return tensor.cpu()

    def restore(self, state: TrainState) -> None:
        """Go on from a state."""
        updates = state.numbers["updates"]
        with torch.no_grad():
            for parameter, name in self._names.items():
                parameter.copy_(state.weights[name])
                self._optimizer.state[parameter] = {
                    "step": torch.tensor(updates),
                    "exp_avg": state.means[name].to(parameter),
                    "exp_avg_sq": state.squares[name].to(parameter),
                }
        self.schedule.advance(int(updates))
        scaler = self._accelerator.scaler
        if scaler is not None and "scale" in state.numbers:
            kept = {
                "scale": state.numbers["scale"],
                "_growth_tracker": int(state.numbers["growth"]),
            }
            scaler.load_state_dict({**scaler.state_dict(), **kept})

    def gather(self, probe: torch.Tensor) -> None:
        """In every process, before one of them writes a checkpoint: nothing where each has all."""

    def write(self, folder: Path, probe: torch.Tensor, **more: torch.Tensor) -> None:
        """Write PEFT's files and the probe; `more` goes to the model with it."""
        model = self._accelerator.unwrap_model(self._model)
        write_adapter(model, folder, probe.to(self._accelerator.device), **more)
        model.train()

    def close(self) -> Any:
        """Take the adapter out again.

        Returns:
            The base model, as it was before.
        """
        model = self.peft.unload()
        self._accelerator.free_memory()
        if self._training.gradient_checkpointing:
            model.gradient_checkpointing_disable()
        return model.eval().requires_grad_(False)


def write_adapter(model: Any, folder: Path, probe: torch.Tensor, **more: torch.Tensor) -> None:
    """Write the adapter that a model has and its answer to a probe; leaves it in eval mode."""
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
    """What `Worker.agree` is where a launch has several processes."""

    def any_of(said: bool) -> bool:
        mine = torch.tensor(int(said), device=accelerator.device)
        return int(accelerator.reduce(mine, "sum")) > 0

    return any_of
