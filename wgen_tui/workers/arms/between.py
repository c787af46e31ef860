"""Adapters between those of two runs: what the weights change is the weighted sum of both changes.

Promises: (1 - t) of the first's B·A·scale and t of the second's, which no sum of their A and of
their B would give: the ranks stand side by side, as PEFT's `add_weighted_adapter` of the type `cat`
has them. At 0 and at 1 the files are the parent's own, to the byte. Stock PEFT has put what is
written on the base before the checkpoint counts; its probe is what that model answers.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors.torch import save_file

from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.manifests import is_trained
from wgen_tui.workers.adapters import Adapter, NotStackable, read_adapter, state_dict
from wgen_tui.workers.arms.foreign import ASKED, CONFIG, answer_by_peft
from wgen_tui.workers.arms.parents import checkpoint_of
from wgen_tui.workers.checkpoints import ADAPTER, clear, write_checkpoint, write_probe
from wgen_tui.workers.encoding import render, tokenize
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import Worker, WorkerError


def weighted_sum(parts: Sequence[tuple[Adapter, float]]) -> Adapter:
    """The adapter whose change of the weights is the weighted sum of those of others.

    Its rank is the sum of theirs and its scale 1; where one has no module, its part there is zero.
    """
    weights: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
    for name in dict.fromkeys(name for adapter, _ in parts for name in adapter.weights):
        a0, b0 = next(one.weights[name] for one, _ in parts if name in one.weights)
        down, up = [], []
        for adapter, share in parts:
            if name in adapter.weights:
                a, b = adapter.weights[name]
                b = b.double() * (adapter.scale * share)
            else:
                a, b = torch.zeros(adapter.rank, a0.size(1)), torch.zeros(b0.size(0), adapter.rank)
            down.append(a.float())
            up.append(b.float())
        weights[name] = (torch.cat(down), torch.cat(up, dim=1))
    return Adapter(sum(adapter.rank for adapter, _ in parts), 1.0, weights)


def make_between(worker: Worker, base: Base, spec: RunSpec) -> None:
    """Write the checkpoint of a run that lies between two others.

    Raises:
        WorkerError: one of them is not there, or no plain LoRA, or does not fit the base.
    """
    files, told = worker.run_paths(spec.run_id), spec.between
    if told is None or is_trained(files):
        worker.note("is made already", spec.run_id)
        return
    sources = [
        (*checkpoint_of(worker.home, parent, "It is made of"), share)
        for parent, share in told.parts
    ]
    clear(files)
    ids = torch.tensor(tokenize(base.tokenizer, render(base.tokenizer, ASKED, prompt=True)))

    def fill(place: Path) -> None:
        if len(sources) == 1:
            for name in (CONFIG, ADAPTER):
                shutil.copyfile(sources[0][0] / name, place / name)
        else:
            _write(place, [(folder, share) for folder, _, share in sources])
        write_probe(place, ids, answer_by_peft(base, place, ids))

    noted: dict[str, Any] = {
        "engine": "between",
        "between": [{**parent, "share": share} for _, parent, share in sources],
    }
    if worker.main:
        write_checkpoint(files, spec.run_id, fill, 1, 1, None, noted)
    worker.emit("checkpoint", spec.run_id, done=1, total=1, unit="steps")
    worker.note(f"its adapter is {told}; nothing is trained", spec.run_id)


def _write(place: Path, parts: Sequence[tuple[Path, float]]) -> None:
    """Write the weighted sum of checkpoints as PEFT would.

    Raises:
        WorkerError: one of them is more than a plain LoRA.
    """
    adapters = []
    for folder, share in parts:
        try:
            adapters.append((read_adapter(folder), share))
        except NotStackable as why:
            raise WorkerError(
                f"The adapter in {folder} has no middle with another: {why}.",
                title="Nothing between",
                hint="Take adapters that are plain LoRA.",
            ) from why
    whole = weighted_sum(adapters)
    configs = [LoraConfig.from_pretrained(str(folder)) for folder, _ in parts]
    config = configs[0]
    config.r, config.lora_alpha = whole.rank, whole.rank
    config.use_rslora, config.lora_dropout = False, 0.0
    config.inference_mode = True
    shapes = ("target_modules", "layers_to_transform", "layers_pattern", "exclude_modules")
    if any(getattr(config, key) != getattr(other, key) for other in configs for key in shapes):
        config.target_modules = set(whole.weights)
        config.layers_to_transform = config.layers_pattern = config.exclude_modules = None
    config.save_pretrained(str(place))
    save_file(state_dict(whole), place / ADAPTER, metadata={"format": "pt"})
