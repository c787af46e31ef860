"""A run whose model is sharded over processes by FSDP 2.

Promises: what is written is whole, gathered from all processes, so a checkpoint is the same stock
PEFT folder as any other and a training can go on with another number of processes; only what is
trained is gathered, never the base.

What concerns all processes (`gather`, `state`, `restore`) must be called in all of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.distributed.tensor import DTensor, distribute_tensor

from experiments.schema import TrainingConfig
from wgen_tui.workers.checkpoints import write_probe
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.train.resume import TrainState
from wgen_tui.workers.train.trainer import Trainer, peft_name

# What wrappers put into the names of the modules below them.
WRAPPERS = ("_checkpoint_wrapped_module.", "_orig_mod.")


class ShardedTrainer(Trainer):
    """One run's model, sharded over processes."""

    def __init__(
        self,
        base: Base,
        accelerator: Accelerator,
        training: TrainingConfig,
        seed: int,
        steps: int,
        start: Path | None = None,
    ) -> None:
        if accelerator.distributed_type != "FSDP":
            raise WorkerError(
                f"FSDP was asked for, but accelerate does not shard on {accelerator.device.type}.",
                title="No FSDP here",
                hint="Leave out fsdp_config: processes without a GPU each hold the model (DDP).",
            )
        super().__init__(base, accelerator, training, seed, steps, start)
        # Sharding has put other parameters into the modules and into the optimiser.
        trained = (item for item in self.peft.named_parameters() if item[1].requires_grad)
        self._trained = {parameter: _unwrapped(name) for name, parameter in trained}
        self._names = {parameter: peft_name(name) for parameter, name in self._trained.items()}
        self._whole: dict[str, torch.Tensor] = {}
        self._probe_logits = torch.empty(0)

    def gather(self, probe: torch.Tensor) -> None:
        """Gather what `write` writes."""
        self._whole = {name: whole(p.detach()).cpu() for p, name in self._trained.items()}
        self.peft.eval()
        with torch.no_grad():
            ids = probe[None].to(self._accelerator.device)
            self._probe_logits = whole(self._model(input_ids=ids).logits)[0, -1].cpu()
        self.peft.train()

    def write(self, folder: Path, probe: torch.Tensor, **more: torch.Tensor) -> None:
        """Write what was gathered."""
        self.peft.save_pretrained(
            folder, safe_serialization=True, save_embedding_layers=False, state_dict=self._whole
        )
        write_probe(folder, probe, self._probe_logits)

    def _to_store(self, tensor: torch.Tensor) -> torch.Tensor:
        return whole(tensor).cpu()

    def restore(self, state: TrainState) -> None:
        """Resume from a state, each process with its shard of it."""
        parts: dict[str, Any] = {
            group: {name: _shard(values[name], p) for p, name in self._names.items()}
            for group, values in (
                ("weights", state.weights),
                ("exp_avg", state.exp_avg),
                ("exp_avg_sq", state.exp_avg_sq),
            )
        }
        super().restore(TrainState(state.step, **parts, numbers=state.numbers))

    def close(self) -> Any:
        """Free the model.

        Returns:
            None: the base is sharded, so another run must load it again.
        """
        self._accelerator.free_memory()
        return None


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor gathered from all processes; itself when it is not sharded."""
    if not isinstance(tensor, DTensor):
        return tensor
    gathered: torch.Tensor = tensor.full_tensor()
    return gathered


def _shard(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """This process's shard of a whole tensor, laid out like another one."""
    if not isinstance(like, DTensor):
        return tensor
    shard: torch.Tensor = distribute_tensor(
        tensor.to(like.device), like.device_mesh, like.placements
    )
    return shard


def _unwrapped(name: str) -> str:
    for wrapper in WRAPPERS:
        name = name.replace(wrapper, "")
    return name
