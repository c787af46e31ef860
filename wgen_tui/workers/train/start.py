"""What a training begins with where it goes on from another run: that run's adapter, whole.

Promises: the optimiser, the schedule and the order are a new training's; the adapter is that of the
parent to the bit, or the run fails and says why there is none, or in what it is of another shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file

from wgen_tui.paths import Home
from wgen_tui.protocol.arms import Parent
from wgen_tui.workers.adapters import Adapter, read_adapter
from wgen_tui.workers.arms.parents import checkpoint_of
from wgen_tui.workers.checkpoints import ADAPTER
from wgen_tui.workers.runtime import WorkerError


def start_folder(home: Home, parent: Parent | None) -> tuple[Path | None, dict[str, Any]]:
    """The checkpoint that a training goes on from, and what is noted of it; None: it begins anew.

    Raises:
        WorkerError: it is not there, or not as it was written.
    """
    if parent is None:
        return None, {}
    folder, noted = checkpoint_of(home, parent, "It goes on from")
    return folder, {"start_from": noted}


def going_on(fresh: Adapter, folder: Path) -> Adapter:
    """The adapter of a checkpoint, in the place of a new one.

    Raises:
        WorkerError: it has not the modules, the rank or the scale of the new one.
        NotStackable: it is more than a plain LoRA.
    """
    there = read_adapter(folder)
    if there.rank != fresh.rank or there.scale != fresh.scale:
        raise _unlike(
            f"its r is {there.rank} and its scale {there.scale:g}, where this training has "
            f"{fresh.rank} and {fresh.scale:g}"
        )
    _refuse_other_shapes(_shapes(fresh.weights), _shapes(there.weights))
    ordered = {name: there.weights[name] for name in fresh.weights}
    return Adapter(there.rank, there.scale, ordered)


def load_weights(peft: PeftModel, folder: Path) -> None:
    """Give PEFT's new adapter the weights of a checkpoint.

    Raises:
        WorkerError: they are not those of an adapter of its shape.
    """
    own = get_peft_model_state_dict(peft, save_embedding_layers=False)
    tensors = load_file(folder / ADAPTER)
    _refuse_other_shapes(
        {name: (tensor.shape,) for name, tensor in own.items()},
        {name: (tensor.shape,) for name, tensor in tensors.items()},
    )
    set_peft_model_state_dict(peft, tensors)


Shapes = Mapping[str, tuple[torch.Size, ...]]


def _shapes(weights: Mapping[str, tuple[torch.Tensor, torch.Tensor]]) -> Shapes:
    return {name: tuple(half.shape for half in halves) for name, halves in weights.items()}


def _refuse_other_shapes(own: Shapes, there: Shapes) -> None:
    names = [name for name in (*own, *there) if own.get(name) != there.get(name)]
    if names:
        raise _unlike(f"it differs in {len(set(names))} modules, first in {names[0]}")


def _unlike(why: str) -> WorkerError:
    return WorkerError(
        f"The adapter to go on with is not of this training's shape: {why}.",
        title="Another adapter",
        hint="r, lora_alpha and target_modules of both trainings must agree.",
    )
