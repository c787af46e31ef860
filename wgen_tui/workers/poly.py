"""Poly and MHR adapters: several LoRAs (skills) in every module, mixed in each task's own way.

Poly (Ponti et al. 2022, arXiv 2202.13914) and multi-head adapter routing (Caccia et al. 2023, arXiv
2211.03831) as PEFT has them. Promises: training and files are PEFT's; what PEFT could not train is
refused before the base is touched; with its task fixed an adapter is a plain LoRA, and is read as
one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PolyConfig
from peft.tuners.poly.layer import PolyLayer
from peft.tuners.tuners_utils import check_target_module_exists
from safetensors.torch import load_file

from experiments.schema import TrainingConfig
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.adapters import PREFIX, Adapter
from wgen_tui.workers.recipe import linear_names
from wgen_tui.workers.runtime import WorkerError

EPS = 1e-12  # PEFT's, in the normalisation of a mix


@dataclass(frozen=True)
class TaskExample(Example):
    """An example that knows its task."""

    task: int = 0


def poly_config(training: TrainingConfig, model: Any, tasks: int) -> PolyConfig:
    """PEFT's configuration of an adapter for a model and so many tasks.

    Raises:
        WorkerError: PEFT's Poly cannot be put on the modules that are asked for.
    """
    poly = training.poly
    targets = poly.target_modules
    if targets == "all-linear":
        targets = tuple(linear_names(model))
    config = PolyConfig(
        r=poly.r,
        n_tasks=tasks,
        n_skills=poly.n_skills,
        n_splits=poly.n_splits,
        target_modules=targets if isinstance(targets, str) else list(targets),
        task_type="CAUSAL_LM",
    )
    adapted = [
        (name, module)
        for name, module in model.named_modules()
        if check_target_module_exists(config, name)
    ]
    if not adapted:
        raise _unfit(f"no module of the model matches target_modules {poly.target_modules}")
    for name, module in adapted:
        if not isinstance(module, torch.nn.Linear):
            raise _unfit(f"{name} is no linear module")
        if module.in_features % poly.n_splits or module.out_features % poly.n_splits:
            shape = f"{module.in_features} x {module.out_features}"
            raise _unfit(f"{name} ({shape}) cannot be split into {poly.n_splits} equal parts")
    return config


def _unfit(why: str) -> WorkerError:
    return WorkerError(
        f"Poly cannot be put on this model: {why}.",
        title="Poly does not fit",
        hint="Change training.poly: target_modules, or n_splits to what divides every width.",
    )


class Routes:
    """Tells the Poly modules of a model which task each row is.

    As PEFT does with `task_ids`, but for as long as the model lives: gradient checkpointing runs
    modules again in the backward pass, when PEFT has taken its own hooks off.

    Attributes:
        tasks: The task of each row of the next pass; one number stands for all rows.
    """

    def __init__(self, model: Any) -> None:
        self.tasks: int | Sequence[int] = 0
        for module in model.modules():
            if isinstance(module, PolyLayer):
                module.register_forward_pre_hook(self._tell, with_kwargs=True)

    def _tell(self, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        rows = args[0].size(0)
        tasks = [self.tasks] * rows if isinstance(self.tasks, int) else list(self.tasks)
        # On the CPU: PEFT looks at the largest in every module.
        return args, {"task_ids": torch.tensor(tasks), **kwargs}


def read_task(folder: Path, task: int) -> Adapter:
    """What a stock PEFT folder of Poly or MHR is for one task: a LoRA of rank r, scaled by 1/r."""
    config = json.loads((folder / "adapter_config.json").read_bytes())
    tensors = load_file(folder / "adapter_model.safetensors")
    names = [key.removesuffix(".poly_lora_A") for key in tensors if key.endswith(".poly_lora_A")]
    rank = int(config["r"])
    weights = {name.removeprefix(PREFIX): _mixed(tensors, name, task) for name in names}
    return Adapter(rank, 1 / rank, weights)


def _mixed(
    tensors: Mapping[str, torch.Tensor], name: str, task: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """A [r, in] and B [out, r] of a module: its skills as the task mixes them when not training."""
    a = tensors[f"{name}.poly_lora_A"].float()  # [splits, skills, in / splits, r]
    b = tensors[f"{name}.poly_lora_B"].float()  # [splits, skills, r, out / splits]
    splits, skills, _, rank = a.shape
    logits = tensors[f"{name}.poly_router.module_logits"][task].float()
    mix = torch.sigmoid(logits.view(splits, skills))
    mix = mix / (mix.sum(dim=-1, keepdim=True) + EPS)
    down = torch.einsum("qs,qsdr->qdr", mix, a).reshape(-1, rank)
    up = torch.einsum("qs,qsrd->qrd", mix, b).transpose(0, 1).reshape(rank, -1)
    return down.T.contiguous(), up.T.contiguous()
