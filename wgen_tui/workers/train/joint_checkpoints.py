"""Copies checkpoints between the runs of one joint training: its adapter is the same for all.

Promises: a run that lacks a checkpoint which a sibling has (the power went between two writes, or
its folder was removed) gets it without training: the sibling's weights, and its own task's logits
after its own probe.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from peft import PeftModel

from experiments.schema import TrainingConfig
from wgen_tui.paths import RunPaths
from wgen_tui.protocol.runs import CheckpointManifest, RunSpec, TaskSpec
from wgen_tui.run_files.manifests import checkpoints, is_trained
from wgen_tui.workers.checkpoints import (
    damaged,
    refuse_pickle,
    write_checkpoint,
)
from wgen_tui.workers.data import load_examples
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import Worker, WorkerError, cut_torn_line
from wgen_tui.workers.train import resume
from wgen_tui.workers.train.run import probe_ids
from wgen_tui.workers.train.trainer import write_adapter

Source = tuple[Path, CheckpointManifest]  # a sibling's folder


def task_of(spec: RunSpec) -> TaskSpec:
    """The task that a run of a joint training is."""
    assert spec.task is not None  # joint_groups leaves the others out
    return spec.task


def task_ids(spec: RunSpec) -> torch.Tensor:
    """What PEFT calls task_ids, for one row of this run."""
    return torch.tensor([task_of(spec).index])


def copy_from_siblings(worker: Worker, base: Base, specs: Sequence[RunSpec]) -> None:
    """Give each run the checkpoints that it lacks and a sibling has.

    Of a training that is done all are copied, else those up to the state that it resumes from.

    Raises:
        WorkerError: a checkpoint to be copied is damaged.
    """
    siblings = [worker.run_paths(name) for name in task_of(specs[0]).runs]
    last: float = float("inf")
    if not any(is_trained(sibling) for sibling in siblings):
        state, _ = resume.newest(siblings[0])
        last = 0 if state is None else state.step
    sources: dict[int, Source] = {}
    for sibling in siblings:
        for step, manifest in checkpoints(sibling).items():
            if step <= last:
                sources.setdefault(step, (sibling.checkpoint(step), manifest))
    for spec in specs:
        run = worker.run_paths(spec.run_id)
        if is_trained(run):
            worker.note("is trained already", spec.run_id)
        elif last > 0 and spec.training is not None:
            _copy_missing(worker, base, spec, spec.training, sources)
            for sibling in siblings:
                _add_metrics(sibling, run)


def _copy_missing(
    worker: Worker, base: Base, spec: RunSpec, training: TrainingConfig, sources: dict[int, Source]
) -> None:
    run = worker.run_paths(spec.run_id)
    have = checkpoints(run)
    missing = [(step, *source) for step, source in sources.items() if step not in have]
    if not missing:
        return
    probe = probe_ids(load_examples(run.data, base.tokenizer, training)).to(base.device)
    for step, folder, manifest in missing:
        if name := damaged(folder, manifest.files):
            raise WorkerError(
                f"{name} of {folder} is not the file that training wrote.",
                title="Damaged checkpoint",
                hint=f"Remove run {manifest.run_id} and start it again.",
            )
        refuse_pickle(folder)
        fill = partial(_copy, base, folder, probe, task_ids(spec))
        provenance = {
            **manifest.provenance,
            "task": task_of(spec).index,
            "mates": [name for name in task_of(spec).runs if name != spec.run_id],
            "taken_from": manifest.run_id,
        }
        write_checkpoint(run, spec.run_id, fill, step, manifest.steps, manifest.loss, provenance)
    steps = ", ".join(str(step) for step, *_ in missing)
    worker.note(f"copies step {steps} from another run of the same training", spec.run_id)


def _copy(base: Base, source: Path, probe: torch.Tensor, task: torch.Tensor, folder: Path) -> None:
    model = PeftModel.from_pretrained(base.model, source)
    try:
        write_adapter(model, folder, probe, task_ids=task)
    finally:
        base.model = model.unload()


def _add_metrics(source: RunPaths, run: RunPaths) -> None:
    """Add the rows of steps of which a run has none."""
    if source.metrics == run.metrics or not source.metrics.exists():
        return
    cut_torn_line(run.metrics)
    have = {step for step, _ in _rows(run.metrics)} if run.metrics.exists() else set()
    with run.metrics.open("a") as stream:
        stream.writelines(f"{line}\n" for step, line in _rows(source.metrics) if step not in have)


def _rows(path: Path) -> list[tuple[int, str]]:
    lines = [line for line in path.read_text().splitlines() if line.endswith("}")]
    return [(json.loads(line)["step"], line) for line in lines]
