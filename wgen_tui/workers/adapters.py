"""One LoRA adapter as plain tensors: made by PEFT, read from PEFT's folders, never our own format.

Promises: a new adapter has the very weights that `set_seed(seed)` and `get_peft_model` give; what
cannot be stacked is refused with the reason, so that the caller can use PEFT itself.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.utils import ModulesToSaveWrapper
from safetensors.torch import load_file

from wgen_tui.workers.runtime import WorkerError

PREFIX = "base_model.model."
# Keys of adapter_config.json that change the sum W + s·B·A, with the values that leave it alone.
PLAIN: Mapping[str, tuple[Any, ...]] = {
    "use_dora": (None, False),
    "modules_to_save": (None, []),
    "rank_pattern": (None, {}),
    "alpha_pattern": (None, {}),
    "bias": (None, "none"),
    "lora_bias": (None, False),
    "trainable_token_indices": (None,),
    "layer_replication": (None,),
    "alora_invocation_tokens": (None,),
    "target_parameters": (None, []),
    "use_qalora": (None, False),
}


class NotStackable(Exception):
    """An adapter that is more than W + s·B·A over linear modules; the text says what it has."""


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter.

    Attributes:
        rank: r, the same in every module.
        scale: What B·A is multiplied by.
        weights: Module name in the base model -> (A [r, in], B [out, r]).
    """

    rank: int
    scale: float
    weights: Mapping[str, tuple[torch.Tensor, torch.Tensor]]


def scaling(rank: int, alpha: float, *, rslora: bool) -> float:
    """PEFT's scaling of B·A: alpha / r, or alpha / sqrt(r) (Kalajdzievski 2023, 2312.03732)."""
    return alpha / math.sqrt(rank) if rslora else alpha / rank


def lora_layers(peft: PeftModel) -> dict[str, LoraLayer]:
    """The modules that PEFT has put an adapter on, by their names in the base model."""
    return {
        name.removeprefix(PREFIX): module
        for name, module in peft.named_modules()
        if isinstance(module, LoraLayer)
    }


def unload(peft: PeftModel) -> Any:
    """Take an adapter off its base model, which is as it was before.

    PEFT's own `unload` leaves modules that were trained whole (`modules_to_save`) in the base, so
    that the next run would begin with them.
    """
    originals = {
        name.removeprefix(PREFIX): module.original_module
        for name, module in peft.named_modules()
        if isinstance(module, ModulesToSaveWrapper)
    }
    model = peft.unload()
    for name, original in originals.items():
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, original)
    return model


def new_adapter(model: Any, config: LoraConfig, seed: int) -> tuple[Adapter, LoraConfig]:
    """A fresh adapter with PEFT's own initialisation; the base model is as before afterwards.

    Returns:
        The adapter, and the configuration as PEFT writes it beside the weights.

    Raises:
        NotStackable: PEFT put the adapter on something else than linear modules.
        WorkerError: PEFT does not put it on this model.
    """
    set_seed(seed)
    try:
        peft = get_peft_model(model, config)
    except ValueError as error:
        raise WorkerError(f"PEFT refuses the adapter: {error}", title="LoRA targets") from error
    try:
        weights: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        for name, layer in lora_layers(peft).items():
            if hasattr(layer, "parameter_name"):  # the experts of a mixture, in one tensor
                raise NotStackable(f"{name} has an adapter on a parameter")
            if len(layer.lora_embedding_A):
                raise NotStackable(f"{name} is an embedding")
            a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
            if a.dim() != 2:
                raise NotStackable(f"{name} is a convolution")
            weights[name] = (a.detach().clone(), b.detach().clone())
        written = copy.deepcopy(peft.peft_config["default"])
    finally:
        peft.unload()
    model.requires_grad_(False)
    written.inference_mode = True
    scale = scaling(config.r, config.lora_alpha, rslora=bool(config.use_rslora))
    return Adapter(config.r, scale, weights), written


def read_adapter(folder: Path) -> Adapter:
    """Read a stock PEFT folder.

    Raises:
        NotStackable: it is not a plain LoRA.
    """
    config = json.loads((folder / "adapter_config.json").read_bytes())
    if config.get("peft_type") != "LORA":
        raise NotStackable(f"it is a {config.get('peft_type')}")
    for key, plain in PLAIN.items():
        if config.get(key) not in plain:
            raise NotStackable(f"it has {key}")
    rank = int(config["r"])
    scale = scaling(rank, config["lora_alpha"], rslora=bool(config.get("use_rslora")))
    return from_state_dict(load_file(folder / "adapter_model.safetensors"), rank, scale)


def from_state_dict(tensors: Mapping[str, torch.Tensor], rank: int, scale: float) -> Adapter:
    """The adapter of tensors under PEFT's names.

    Raises:
        NotStackable: there is more than A and B of linear modules.
    """
    halves: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        name, dot, half = key.removeprefix(PREFIX).removesuffix(".weight").rpartition(".lora_")
        if not dot or half not in ("A", "B") or tensor.dim() != 2:
            raise NotStackable(f"it has the tensor {key}")
        halves.setdefault(name, {})[half] = tensor.float()
    return Adapter(rank, scale, {name: (h["A"], h["B"]) for name, h in halves.items()})


def state_dict(adapter: Adapter) -> dict[str, torch.Tensor]:
    """The tensors under the names that PEFT gives them in adapter_model.safetensors."""
    tensors: dict[str, torch.Tensor] = {}
    for name, (a, b) in adapter.weights.items():
        tensors[f"{PREFIX}{name}.lora_A.weight"] = a.contiguous()
        tensors[f"{PREFIX}{name}.lora_B.weight"] = b.contiguous()
    return tensors
