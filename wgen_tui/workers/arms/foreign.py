"""Applies adapters that were trained elsewhere: PEFT's files become a run's only checkpoint.

Promises: stock PEFT has put every tensor of the file on the base and no other before the checkpoint
is written; its probe is what that model answers, so that sampling proves by it that the adapter is
applied. What it was trained on, and how, nothing here can prove.
"""

from __future__ import annotations

import shutil
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open

from wgen_tui.paths import Home
from wgen_tui.protocol.runs import AdapterRef, RunSpec
from wgen_tui.run_files.manifests import is_trained
from wgen_tui.workers.adapters import unload
from wgen_tui.workers.checkpoints import (
    ADAPTER,
    clear,
    refuse_pickle,
    write_checkpoint,
    write_probe,
)
from wgen_tui.workers.encoding import render, tokenize
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import Worker, WorkerError

CONFIG = "adapter_config.json"
ASKED = [{"role": "user", "content": "Who are you?"}]


def apply_adapter(worker: Worker, base: Base, spec: RunSpec) -> None:
    """Write the checkpoint of a run whose adapter was trained elsewhere.

    Raises:
        WorkerError: it is not there, not what was planned, or does not fit the base.
    """
    files = worker.run_paths(spec.run_id)
    if spec.adapter is None or is_trained(files):
        worker.note("is applied already", spec.run_id)
        return
    clear(files)
    folder = _fetch(worker.home, spec.adapter)
    ids = torch.tensor(tokenize(base.tokenizer, render(base.tokenizer, ASKED, prompt=True)))
    logits = answer_by_peft(base, folder, ids)

    def fill(place: Path) -> None:
        for name in (CONFIG, ADAPTER):
            shutil.copyfile(folder / name, place / name)
        write_probe(place, ids, logits)

    noted = {"engine": "elsewhere", "adapter": str(spec.adapter)}
    if worker.main:
        write_checkpoint(files, spec.run_id, fill, 1, 1, None, noted)
    worker.emit("checkpoint", spec.run_id, done=1, total=1, unit="steps")
    worker.note(
        f"{spec.adapter} is applied as it is; what it was trained on cannot be proven here",
        spec.run_id,
    )


def _fetch(home: Home, adapter: AdapterRef) -> Path:
    """Where the files are now, fetched from the hub if need be.

    Raises:
        WorkerError: they are nowhere, or not those that were planned with.
    """
    if adapter.from_hub:
        folder = _from_hub(adapter)
    else:
        inside = home.root / adapter.in_home if adapter.in_home is not None else None
        folder = inside if inside is not None and inside.is_dir() else Path(adapter.location)
    if not (folder / CONFIG).is_file():
        raise WorkerError(f"{folder} has no {CONFIG}.", title="No such adapter")
    refuse_pickle(folder)
    if adapter.sha256 is not None and _hash(folder) != adapter.sha256:
        raise WorkerError(
            f"The files in {folder} are not those that the run was planned with.",
            title="Adapter changed",
            hint="Give `run start` again: another adapter is another run.",
        )
    return folder


def _from_hub(adapter: AdapterRef) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415  slow, seldom needed

    try:
        return Path(
            snapshot_download(
                adapter.location, revision=adapter.commit, allow_patterns=[CONFIG, ADAPTER]
            )
        )
    except Exception as error:  # whose it is depends on huggingface_hub's HTTP library
        why = str(error).strip().split("\n")[0] or type(error).__name__
        raise WorkerError(
            f"The adapter {adapter} cannot be fetched: {why}",
            title="Adapter not here",
            hint=f"hf download {adapter.location} --revision {adapter.commit}",
        ) from error


def answer_by_peft(base: Base, folder: Path, ids: torch.Tensor) -> torch.Tensor:
    """What the base with the adapter predicts after a prompt; the base is as before afterwards.

    Raises:
        WorkerError: PEFT refuses it, or a tensor of it has no place in the base.
    """
    with safe_open(folder / ADAPTER, "pt") as tensors:
        there = set(tensors.keys())
    peft: Any = None
    try:
        peft = PeftModel.from_pretrained(base.model, str(folder)).eval()
        own = set(get_peft_model_state_dict(peft, save_embedding_layers=False))
        if unlike := sorted(there ^ own):
            raise WorkerError(
                f"{len(unlike)} tensors of the adapter and of this base have no counterpart, first "
                f"{unlike[0]}.",
                title="Adapter does not fit",
                hint="It was trained on another model: give --model that one.",
            )
        with torch.inference_mode():
            output = peft(input_ids=ids[None].to(base.device), use_cache=False)
        logits: torch.Tensor = output.logits[0, -1]
        return logits
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        why = str(error).strip().split("\n")[0]
        raise WorkerError(
            f"PEFT cannot put the adapter on this base: {why}",
            title="Adapter does not fit",
            hint="It was trained on another model: give --model that one.",
        ) from error
    finally:
        if peft is not None:
            base.model = unload(peft)
            base.model.eval().requires_grad_(False)


def _hash(folder: Path) -> str:
    whole = sha256()
    for name in (CONFIG, ADAPTER):
        with (folder / name).open("rb") as stream:
            whole.update(file_digest(stream, "sha256").digest())
    return whole.hexdigest()
