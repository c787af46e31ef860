"""The sample worker: base, adapters and checkpoints of a launch's runs, off one loaded base.

Promises: each base model is loaded once; every run has its outcome; the work is `sampler`'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from accelerate import PartialState

from wgen_tui.protocol.runs import RunSpec
from wgen_tui.workers.models import load_base
from wgen_tui.workers.runtime import Worker, WorkerError
from wgen_tui.workers.sample.prompts import prepare
from wgen_tui.workers.sample.sampler import Sampler

__all__ = ["prepare", "sample"]


def _bases(specs: Sequence[RunSpec]) -> Iterator[list[RunSpec]]:
    """The runs of each base model, as it is to be loaded, together."""

    def key(spec: RunSpec) -> str:
        return json.dumps([spec.model.model_dump(mode="json"), spec.chat_template])

    for _, group in groupby(sorted(specs, key=key), key):
        yield list(group)


def sample(worker: Worker) -> None:
    """Draw for every run of the launch."""
    job = worker.spec.sample
    if job is None:
        raise WorkerError("The launch names nothing to sample.", title="Empty launch")
    device = PartialState().device
    for specs in _bases([worker.run_spec(run_id) for run_id in worker.spec.run_ids]):
        try:
            training = next((spec.training for spec in specs if spec.training is not None), None)
            base = load_base(specs[0].model, training, specs[0].chat_template, device)
            worker.emit("ready", message=base.reason)
            print(base.reason, flush=True)
            rough = training is not None and training.quantization != "none"
            sampler = Sampler(worker, base, job, rough=rough)
        except Exception as error:  # another model may still load
            for spec in specs:
                worker.begin_run(spec.run_id)
                worker.record_error(spec.run_id, error)
            continue
        sampler.run(specs)
