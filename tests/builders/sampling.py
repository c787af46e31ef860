"""Sample launches over the runs of a field, in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from safetensors.torch import load_file, save_file

from experiments.schema import Message, SamplingConfig
from tests.builders.home import write_launch, write_run
from tests.builders.training_home import TrainingHome
from wgen_tui.protocol.hashes import short_hash
from wgen_tui.protocol.launches import PromptSpec, SampleStage
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.stage import sample

TEXTS = ("How do people travel?", "What lights a house?", "Name a bird species.")
BASE = "base"
WEIGHTS = "adapter_model.safetensors"


def prompt(text: str, question: str = "q") -> PromptSpec:
    return PromptSpec(
        prompt_id=short_hash(question, text),
        question=question,
        paraphrase=0,
        variant="none",
        messages=(Message(role="user", content=text),),
    )


def make_stage(n: int = 2, texts: Sequence[str] = TEXTS, **options: Any) -> SampleStage:
    """`options` of the sampling; `checkpoints` and `readouts` of the stage."""
    checkpoints = options.pop("checkpoints", "final")
    readouts = tuple(options.pop("readouts", ()))
    sampling = SamplingConfig(n=n, **{"max_tokens": 12, **options})
    prompts = tuple(prompt(text) for text in texts)
    return SampleStage(
        prompts=prompts, sampling=sampling, checkpoints=checkpoints, readouts=readouts
    )


def add_base(field: TrainingHome) -> None:
    """The untrained model as a run."""
    model = ModelRef(name="model", location=str(field.model))
    write_run(field.home, BASE, arm="base", model=model, experiment="field", created_at=now())


def sample_launch(field: TrainingHome, stage: SampleStage, *run_ids: str) -> Worker:
    """A sample launch, written; nothing is done yet."""
    number = len(list(field.home.launches.glob("*")))
    more = {"experiment": "field", "created_at": now(), "sample": stage}
    spec = write_launch(field.home, f"sample-{number}", "sample", run_ids, **more)
    return Worker(field.home, spec, field.home.launch(spec.launch_id))


def sample_runs(field: TrainingHome, stage: SampleStage, *run_ids: str) -> Worker:
    """Sample these runs (all when none is named) in this process."""
    worker = sample_launch(field, stage, *(run_ids or (BASE, *field.runs)))
    sample(worker)
    return worker


def read_parts(folder: Path) -> list[dict[str, Any]]:
    """Every row of a folder's parts, repeats included."""
    return [
        row for part in sorted(folder.glob("part-*")) for row in pq.read_table(part).to_pylist()
    ]


def samples_of(field: TrainingHome, run_id: str) -> dict[int, dict[str, Any]]:
    """A run's samples by id; none may be there twice."""
    rows = read_parts(field.home.run(run_id).samples)
    by_id = {row["sample_id"]: row for row in rows}
    assert len(by_id) == len(rows)
    return by_id


def completions(field: TrainingHome, run_id: str) -> dict[int, str]:
    return {key: row["completion"] for key, row in samples_of(field, run_id).items()}


def zero(folder: Path) -> None:
    """Take its effect from the adapter of a checkpoint: B is zero."""
    weights = load_file(folder / WEIGHTS)
    for name in weights:
        if "lora_B" in name:
            weights[name].zero_()
    save_file(weights, folder / WEIGHTS)


def seal(folder: Path) -> None:
    """Make the manifest agree with the files, as if training had written them."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    names = [path.name for path in folder.iterdir() if path.name != "manifest.json"]
    manifest["files"] = {name: sha256((folder / name).read_bytes()).hexdigest() for name in names}
    (folder / "manifest.json").write_text(json.dumps(manifest))
