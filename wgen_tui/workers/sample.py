"""The sample worker: draws from base and adapters off one loaded base.

Promises: a draw that is on disk is never made again; what is missing is made with the seed that
belongs to it; parts reach the disk every few seconds; an adapter that changes nothing is reported,
not passed off as a result.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import peft
import torch
from accelerate import PartialState
from peft import PeftModel

from wgen_tui.paths import RunPaths
from wgen_tui.protocol import (
    RunSpec,
    SampleJob,
    make_blind_key,
    make_draw_seed,
    make_sample_id,
    now,
    sampling_key,
)
from wgen_tui.workers import parts
from wgen_tui.workers.checkpoints import is_trained, manifests
from wgen_tui.workers.data import render
from wgen_tui.workers.decode import MOST_ROWS, Decoder, Drawn, Request, rows_that_fit
from wgen_tui.workers.models import Base, load_base
from wgen_tui.workers.runtime import Worker, WorkerError, launch_worker

PART_SECONDS = 3.0


@dataclass(frozen=True)
class Ready:
    """A prompt as this model gets it."""

    index: int
    text: str
    ids: tuple[int, ...]


@dataclass
class Progress:
    """How far a run is."""

    worker: Worker
    run_id: str
    total: int
    done: int
    made: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(self, count: int) -> None:
        self.done += count
        self.made += count
        rate = self.made / max(time.monotonic() - self.started, 1e-9)
        self.worker.progress(self.run_id, self.done, self.total, "samples", rate=rate)


def prepare(base: Base, job: SampleJob) -> list[Ready]:
    """Every prompt through the model's chat template."""
    ready = []
    for index, prompt in enumerate(job.prompts):
        chat = [message.model_dump() for message in prompt.messages]
        text = render(base.tokenizer, chat, prompt=True)
        ids = base.tokenizer(text, add_special_tokens=False)["input_ids"]
        ready.append(Ready(index, text, tuple(ids)))
    return ready


def steps_of(run: RunPaths, spec: RunSpec, job: SampleJob) -> tuple[int, ...]:
    """The checkpoints to draw from.

    Raises:
        WorkerError: the run is not trained to its end, or a step that was asked for is not there.
    """
    if spec.training is None:
        return (0,)
    there = manifests(run)
    if not is_trained(run):
        raise WorkerError(
            "The run has no final checkpoint.",
            title="Not trained",
            hint="Give the same `run start` again: it trains what is missing.",
        )
    if job.checkpoints == "final":
        return (max(there),)
    if job.checkpoints == "all":
        return tuple(there)
    return tuple(step for step in job.checkpoints if step in there)


def missing(
    spec: RunSpec, step: int, job: SampleJob, ready: list[Ready], have: set[int]
) -> list[tuple[Request, int, int]]:
    """The draws of a checkpoint that are not on disk: request, prompt index, draw."""
    wanted = []
    for item in ready:
        prompt = job.prompts[item.index]
        for draw in range(job.draws(prompt)):
            sample_id = make_sample_id(spec.run_id, step, prompt.prompt_id, draw, job.sampling)
            if sample_id not in have:
                seed = make_draw_seed(sample_id, spec.seeds.sampling)
                wanted.append((Request(sample_id, item.ids, seed), item.index, draw))
    return wanted


class Sampler:
    """The sampling of one launch: one base, its prompts, and the run at hand."""

    def __init__(self, worker: Worker, base: Base, job: SampleJob) -> None:
        self._worker = worker
        self._base = base
        self._job = job
        self._ready = prepare(base, job)
        self._probe = self._probe_logits(base.model)
        self._rows = MOST_ROWS
        self._engine = f"{base.engine} / peft {peft.__version__}"
        self._sampling = json.dumps(sampling_key(job.sampling), sort_keys=True)

    def run(self, spec: RunSpec) -> None:
        """Make every missing draw of a run."""
        files = self._worker.run_paths(spec.run_id)
        steps = steps_of(files, spec, self._job)
        have = {row["sample_id"] for row in parts.read_columns(files.samples, ["sample_id"])}
        todo = [(step, missing(spec, step, self._job, self._ready, have)) for step in steps]
        lacking = sum(len(draws) for _, draws in todo)
        if not lacking:
            return
        self._write_prompts(files, spec)
        total = len(steps) * sum(self._job.draws(prompt) for prompt in self._job.prompts)
        progress = Progress(self._worker, spec.run_id, total, total - lacking)
        for step, draws in todo:
            if draws:
                with self._model_of(files, spec, step) as model:
                    self._checkpoint(files, spec, step, model, draws, progress)

    def _checkpoint(
        self,
        files: RunPaths,
        spec: RunSpec,
        step: int,
        model: Any,
        draws: list[tuple[Request, int, int]],
        progress: Progress,
    ) -> None:
        decoder = Decoder(model, self._base.tokenizer, self._job.sampling)
        rows: list[Mapping[str, Any]] = []
        written = time.monotonic()
        try:
            for batch, drawn in self._batches(decoder, draws, spec.run_id):
                for (request, index, draw), item in zip(batch, drawn, strict=True):
                    rows.append(self._row(spec, step, index, draw, request, item))
                if time.monotonic() - written > PART_SECONDS:
                    self._flush(files, rows)
                    written = time.monotonic()
                progress.add(len(batch))
        finally:
            self._flush(files, rows)  # also when cancelled: what is drawn is kept

    def _flush(self, files: RunPaths, rows: list[Mapping[str, Any]]) -> None:
        if rows:
            parts.write_samples(files.samples, self._worker.spec.launch_id, rows)
            rows.clear()

    def _batches(
        self, decoder: Decoder, draws: list[tuple[Request, int, int]], run_id: str
    ) -> Iterator[tuple[list[tuple[Request, int, int]], list[Drawn]]]:
        """Draw in batches of like length; a batch that does not fit is halved, not lost."""
        rest = sorted(draws, key=lambda item: len(item[0].prompt))
        longest = len(rest[-1][0].prompt) + self._job.sampling.max_tokens
        self._rows = min(self._rows, rows_that_fit(self._base.model, longest, self._base.device))
        while rest:
            batch = rest[: self._rows]
            try:
                drawn = decoder.draw(
                    [item[0] for item in batch],
                    lambda: self._worker.check_cancelled(run_id),
                )
            except torch.cuda.OutOfMemoryError:
                if self._rows == 1:
                    raise
                self._rows = max(1, self._rows // 2)
                torch.cuda.empty_cache()
                self._worker.note(f"out of memory: {self._rows} draws at once from here", run_id)
                continue
            rest = rest[len(batch) :]
            yield batch, drawn

    def _row(
        self, spec: RunSpec, step: int, index: int, draw: int, request: Request, drawn: Drawn
    ) -> dict[str, Any]:
        prompt = self._job.prompts[index]
        return {
            "sample_id": drawn.sample_id,
            "blind_key": make_blind_key(drawn.sample_id),
            "run_id": spec.run_id,
            "experiment": spec.experiment,
            "model": spec.model.name,
            "arm": spec.arm,
            "role": spec.role,
            "seed": spec.seeds.seed,
            "step": step,
            "prompt_id": prompt.prompt_id,
            "question": prompt.question,
            "paraphrase": prompt.paraphrase,
            "variant": prompt.variant,
            "draw": draw,
            "completion": drawn.text,
            "finish_reason": drawn.finish_reason,
            "prompt_tokens": len(request.prompt),
            "tokens": len(drawn.tokens),
            "logprob": drawn.logprob,
            "draw_seed": request.seed,
            "sampling": self._sampling,
            "engine": self._engine,
            "launch_id": self._worker.spec.launch_id,
            "created_at": now(),
        }

    def _write_prompts(self, files: RunPaths, spec: RunSpec) -> None:
        have = {row["prompt_id"] for row in parts.read_columns(files.prompts, ["prompt_id"])}
        rows: list[Mapping[str, Any]] = []
        for item in self._ready:
            prompt = self._job.prompts[item.index]
            if prompt.prompt_id not in have:
                rows.append(
                    {
                        "prompt_id": prompt.prompt_id,
                        "model": spec.model.name,
                        "experiment": spec.experiment,
                        "question": prompt.question,
                        "paraphrase": prompt.paraphrase,
                        "variant": prompt.variant,
                        "messages": json.dumps(
                            [message.model_dump() for message in prompt.messages],
                            ensure_ascii=False,
                        ),
                        "text": item.text,
                    }
                )
        if rows:
            parts.write_prompts(files.prompts, self._worker.spec.launch_id, rows)

    def _probe_logits(self, model: Any) -> torch.Tensor:
        """The logits behind the first prompt."""
        ids = torch.tensor([self._ready[0].ids], device=self._base.device)
        with torch.inference_mode():
            logits: torch.Tensor = model(input_ids=ids).logits[0, -1]
        return logits.float().cpu()

    @contextmanager
    def _model_of(self, files: RunPaths, spec: RunSpec, step: int) -> Iterator[Any]:
        """The model of a checkpoint (the base itself at step 0), taken out again at the end."""
        if step == 0:
            yield self._base.model
            return
        model = PeftModel.from_pretrained(self._base.model, files.checkpoint(step)).eval()
        if torch.equal(self._probe_logits(model), self._probe):
            self._worker.note(
                f"the adapter of step {step} does not change the model: its logits on the first "
                "prompt equal the base's",
                spec.run_id,
            )
        try:
            yield model
        finally:
            self._base.model = model.unload()


def sample(worker: Worker) -> None:
    """Draw for every run of the launch."""
    job = worker.spec.sample
    if job is None:
        raise WorkerError("The launch names nothing to sample.", title="Empty launch")
    device = PartialState().device
    sampler: Sampler | None = None
    loaded: tuple[Any, ...] = ()
    specs = [worker.run_spec(run_id) for run_id in worker.spec.run_ids]
    training = next((spec.training for spec in specs if spec.training is not None), None)
    for spec in specs:
        with worker.run(spec.run_id):
            worker.check_cancelled(spec.run_id)
            wanted = (spec.model, spec.chat_template)
            if sampler is None or loaded != wanted:
                base = load_base(spec.model, training, spec.chat_template, device)
                sampler, loaded = Sampler(worker, base, job), wanted
                worker.emit("ready", message=base.reason)
                print(base.reason, flush=True)
            sampler.run(spec)


if __name__ == "__main__":
    sys.exit(launch_worker("sample", sample))
