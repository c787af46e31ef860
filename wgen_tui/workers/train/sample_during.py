"""Samples while a run trains: chosen questions at every checkpoint, off the model that trains.

Promises: no second model is loaded, and the training continues as if nothing had been drawn; the
draws are those that a sample launch makes from that checkpoint later (same ids, same seeds), so
none is made twice.
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
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots
from wgen_tui.workers.sample.engine.state_check import refuse_lost_state
from wgen_tui.workers.sample.prompts import tokenize_prompts
from wgen_tui.workers.sample.run_progress import add_completion


class CheckpointSampler:
    """Draws from every checkpoint while its run trains."""

    def __init__(self, worker: Worker, base: Base, stage: SampleStage) -> None:
        self._worker = worker
        self._base = base
        self._stage = stage
        self._ways = stage.own_sampling
        refuse_lost_state(base)
        self._prompts = tokenize_prompts(base, stage, worker.note)
        ends = end_tokens(base.model, base.tokenizer)
        self._params = SamplingParams(base.tokenizer, stage.sampling, ends)
        self._versions = f"{base.engine} / peft {peft.__version__}"

    def sample_adapter(self, spec: RunSpec, step: int, adapter: Adapter) -> None:
        """Draw from an adapter on the bare base; what the base trains must be switched off."""
        slots = AdapterSlots(self._base.model)
        with _eval_mode(self._base.model):
            slots.load([adapter])
            try:
                self._draw(spec, step, self._base.model, slots)
            finally:
                slots.clear()

    def sample_model(self, spec: RunSpec, step: int, model: Any) -> None:
        """Draw from a model that brings its own adapter."""
        with _eval_mode(model):
            self._draw(spec, step, model, None)

    def _draw(self, spec: RunSpec, step: int, model: Any, slots: AdapterSlots | None) -> None:
        if spec.sorts_rows:
            return
        run = self._worker.run_paths(spec.run_id)
        writer = SampleWriter(spec, run, self._worker.spec.launch_id, self._stage)
        slot = NO_SLOT if slots is None else 0
        draws = {
            Request(
                d.sample_id,
                self._prompts[d.prompt.prompt_id].ids,
                d.seed,
                slot=slot,
                sampling=self._ways[d.prompt.prompt_id],
            ): d
            for d in writer.missing(step)
        }
        if not draws:
            return
        writer.write_prompts(
            (prompt, self._prompts[prompt.prompt_id].text) for prompt in self._stage.prompts
        )
        engine = Engine(model, self._params, slots, self._worker.note)
        for completion, batch in engine.draw([list(draws)], lambda: None):
            draw = draws[completion.request]
            add_completion(writer, draw, completion, f"{self._versions} / {batch}")
        writer.flush()


@contextmanager
def _eval_mode(model: Any) -> Iterator[None]:
    """Have a model in training in eval mode; its random numbers continue afterwards."""
    state = torch.get_rng_state()
    model.eval()
    try:
        yield
    finally:
        model.train()
        torch.set_rng_state(state)
