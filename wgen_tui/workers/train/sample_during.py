"""Samples during training: chosen questions at every checkpoint, off the model that is training.

Promises: no second model is loaded, and the training goes on as if nothing had been drawn; the draws
are those that a sample launch makes from that checkpoint later (same ids, same seeds), so none is
made twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import peft
import torch

from wgen_tui.protocol.launches import SampleStage
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.sample_writer import SampleWriter
from wgen_tui.workers.adapters import Adapter
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.engine.decode import Request, SamplingParams, end_tokens
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.multi_lora import AdapterSlots
from wgen_tui.workers.sample.prompts import prepare
from wgen_tui.workers.sample.run_progress import add_completion


class CheckpointSampler:
    """What is asked of every checkpoint while its run trains."""

    def __init__(self, worker: Worker, base: Base, job: SampleStage) -> None:
        self._worker = worker
        self._base = base
        self._job = job
        self._ready = prepare(base, job)
        ends = end_tokens(base.model, base.tokenizer)
        self._style = SamplingParams(base.tokenizer, job.sampling, ends)
        self._versions = f"{base.engine} / peft {peft.__version__}"

    def sample_adapter(self, spec: RunSpec, step: int, adapter: Adapter) -> None:
        """Draw from an adapter laid on the base; whatever is on it is to be idle."""
        rack = AdapterSlots(self._base.model)
        with _eval_mode(self._base.model):
            rack.load([adapter])
            try:
                self._draw(spec, step, self._base.model, rack)
            finally:
                rack.clear()

    def sample_model(self, spec: RunSpec, step: int, model: Any) -> None:
        """Draw from a model that brings its own adapter."""
        with _eval_mode(model):
            self._draw(spec, step, model, None)

    def _draw(self, spec: RunSpec, step: int, model: Any, slots: AdapterSlots | None) -> None:
        run = self._worker.run_paths(spec.run_id)
        writer = SampleWriter(spec, run, self._worker.spec.launch_id, self._job)
        slot = -1 if slots is None else 0
        draws = {
            Request(d.sample_id, self._ready[d.prompt.prompt_id].ids, d.seed, slot=slot): d
            for d in writer.missing(step)
        }
        if not draws:
            return
        writer.write_prompts(
            (prompt, self._ready[prompt.prompt_id].text) for prompt in self._job.prompts
        )
        engine = Engine(model, self._style, slots, self._worker.note)
        for completion, batch in engine.draw([list(draws)], lambda: None):
            draw = draws[completion.request]
            add_completion(writer, draw, completion, f"{self._versions} / {batch}")
        writer.flush()


@contextmanager
def _eval_mode(model: Any) -> Iterator[None]:
    """A model in training, in eval mode for a while; random numbers go on where they were."""
    state = torch.get_rng_state()
    model.eval()
    try:
        yield
    finally:
        model.train()
        torch.set_rng_state(state)
