"""The sample stage of a launch: its runs grouped by base model, each group through a `Sampler`.

Promises: each base model is loaded once; every run has its outcome.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from accelerate import PartialState

from wgen_tui.protocol.runs import RunSpec
from wgen_tui.workers.models import load_base
from wgen_tui.workers.runtime import Worker, WorkerError
from wgen_tui.workers.sample.sampler import Sampler


def _by_base(specs: Sequence[RunSpec]) -> Iterator[list[RunSpec]]:
    """The runs of each base model, as it is to be loaded."""

    def key(spec: RunSpec) -> str:
        return json.dumps([spec.model.model_dump(mode="json"), spec.chat_template])

    for _, group in groupby(sorted(specs, key=key), key):
        yield list(group)


def sample(worker: Worker) -> None:
    """Sample every run of a launch."""
    stage = worker.spec.sample
    if stage is None:
        raise WorkerError("The launch names nothing to sample.", title="Empty launch")
    device = PartialState().device
    for specs in _by_base([worker.run_spec(run_id) for run_id in worker.spec.run_ids]):
        try:
            training = next((spec.training for spec in specs if spec.training is not None), None)
            base = load_base(specs[0].model, training, specs[0].chat_template, device)
            worker.emit("ready", message=base.reason)
            print(base.reason, flush=True)
            rough = training is not None and training.quantization != "none"
            sampler = Sampler(worker, base, stage, rough=rough)
        except Exception as error:  # another model may still load
            for spec in specs:
                worker.begin_run(spec.run_id)
                worker.record_error(spec.run_id, error)
            continue
        sampler.run(specs)
