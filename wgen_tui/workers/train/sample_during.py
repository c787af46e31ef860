"""Samples during training: chosen questions at every checkpoint, off the model that is training.

Promises: no second model is loaded, and the training goes on as if nothing had been drawn; the draws
are those that a sample launch makes from that checkpoint later (same ids, same seeds), so none is
made twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import peft
import torch

from wgen_tui.protocol.ids import sampling_key
from wgen_tui.protocol.launches import SampleStage
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files import parts
from wgen_tui.run_files.inventory import read_ids
from wgen_tui.run_files.rows import missing_draws, prompt_row, sample_row, token_row
from wgen_tui.workers.adapters import Adapter
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.engine.decode import Request, SamplingParams, end_tokens
from wgen_tui.workers.sample.engine.engine import Engine
from wgen_tui.workers.sample.engine.multi_lora import AdapterSlots
from wgen_tui.workers.sample.prompts import prepare


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
        self._sampling = json.dumps(sampling_key(job.sampling), sort_keys=True)

    def sample_adapter(self, spec: RunSpec, step: int, adapter: Adapter) -> None:
        """Draw from an adapter laid on the base; whatever is on it is to be idle."""
        rack = AdapterSlots(self._base.model)
        with _eval_mode(self._base.model):
            rack.put([adapter])
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
        have = read_ids(run.samples, "sample_id")
        slot = -1 if slots is None else 0
        draws = {
            Request(d.sample_id, self._ready[d.prompt.prompt_id].ids, d.seed, slot=slot): d
            for d in missing_draws(spec, step, self._job, have)
        }
        if not draws:
            return
        self._write_prompts(spec)
        engine = Engine(model, self._style, slots, self._worker.note)
        made = list(engine.draw([list(draws)], lambda: None))
        if self._job.sampling.logprobs:
            tokens: list[Mapping[str, Any]] = [
                token_row(spec, drawn.sample_id, drawn.tokens, drawn.logprobs) for drawn, _ in made
            ]
            parts.write_tokens(run.tokens, self._worker.spec.launch_id, tokens)
        rows: list[Mapping[str, Any]] = [
            sample_row(
                spec,
                draws[drawn.request],
                self._worker.spec.launch_id,
                completion=drawn.text,
                finish_reason=drawn.finish_reason,
                prompt_tokens=len(drawn.request.prompt),
                tokens=len(drawn.tokens),
                logprob=drawn.logprob,
                sampling=self._sampling,
                engine=f"{self._versions} / {way}",
            )
            for drawn, way in made
        ]
        parts.write_samples(run.samples, self._worker.spec.launch_id, rows)

    def _write_prompts(self, spec: RunSpec) -> None:
        run = self._worker.run_paths(spec.run_id)
        have = read_ids(run.prompts, "prompt_id")
        rows: list[Mapping[str, Any]] = [
            prompt_row(spec, prompt, self._ready[prompt.prompt_id].text)
            for prompt in self._job.prompts
            if prompt.prompt_id not in have
        ]
        if rows:
            parts.write_prompts(run.prompts, self._worker.spec.launch_id, rows)


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
