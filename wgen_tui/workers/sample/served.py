"""The sample worker for served models: asks an endpoint for every missing draw.

Promises: as `sampler`: a draw that is on disk is never asked for again, parts reach the disk every
few seconds, and whatever ends the work (a cancel, a dead server), what was drawn is kept. One
request for each draw, with the draw's own seed. Imports no torch.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from experiments.readers.shown_rows import behind_rows
from experiments.schema import SamplingConfig
from wgen_tui.protocol.launches import SampleStage
from wgen_tui.protocol.runs import Endpoint, RunSpec
from wgen_tui.run_files.sample_writer import Draw, SampleWriter
from wgen_tui.terminal_text import are, plural
from wgen_tui.workers.endpoint.at_once import at_once
from wgen_tui.workers.endpoint.openai_client import (
    Client,
    PromptRefused,
    engine,
    request_body,
    sent_seed,
)
from wgen_tui.workers.endpoint.openai_response import Answer, read_answer
from wgen_tui.workers.endpoint.refusals import Refusals
from wgen_tui.workers.endpoint.usage import Usage, by_count
from wgen_tui.workers.runtime import Worker, WorkerError, launch_worker
from wgen_tui.workers.sample.shown_rows import read_shown

PART_SECONDS = 3.0  # between two parts
REFUSED = "refused"  # the finish_reason of a draw that the server does not make
LONGEST_REASON = 500
ENOUGH = 8  # draws of one prompt that should not all be the same


@dataclass
class Repeats:
    """Whether a server gives the same answer again and again, against the temperature."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    differ: bool = False

    def add(self, draw: Draw, answer: Answer) -> None:
        prompt_id = draw.prompt.prompt_id
        self.counts[prompt_id] = self.counts.get(prompt_id, 0) + 1
        self.differ = self.differ or self.first.setdefault(prompt_id, answer.text) != answer.text

    @property
    def suspicious(self) -> bool:
        return not self.differ and max(self.counts.values(), default=0) >= ENOUGH


class Sampler:
    """Draws what one run lacks."""

    def __init__(
        self, worker: Worker, spec: RunSpec, stage: SampleStage, endpoint: Endpoint
    ) -> None:
        self._worker = worker
        self._spec = spec
        self._stage = stage
        self._endpoint = endpoint
        files = worker.run_paths(spec.run_id)
        self._rows = () if spec.in_context is None else read_shown(files, spec)
        more = {"extra_body": endpoint.extra_body} if endpoint.extra_body else None
        self._writer = SampleWriter(spec, files, worker.spec.launch_id, stage, more)
        self._written = self._started = time.monotonic()
        self._usage = Usage(endpoint)
        self._repeats = Repeats()
        self._refusals: Refusals[Draw] = Refusals(
            answered=False, prompt=lambda draw: draw.prompt.prompt_id
        )
        self._failures = 0
        self._total = sum(stage.draws(prompt) for prompt in stage.prompts)
        # Whether every draw is one of several that may come out.
        self._hot = all(stage.sampling_of(p).temperature > 0 for p in stage.prompts)
        self._done = 0

    def run(self) -> None:
        """Make every missing draw.

        Raises:
            WorkerError: the server refuses, or no longer answers.
            Cancelled: somebody asked for it.
        """
        missing = list(self._writer.missing(step=0))
        if not missing:
            return
        self._done = self._total - len(missing)
        self._refusals.answered = self._done > 0
        self._writer.write_prompts((prompt, None) for prompt in self._stage.prompts)
        try:
            while missing:
                asyncio.run(self._draw_all(iter(missing)))
                missing = self._refusals.to_ask()
        finally:
            self._flush()
            self._note_usage()
            self._note_refusals()

    async def _draw_all(self, missing: Iterator[Draw]) -> None:
        """Ask for all draws, several at once; the first that fails ends the others."""
        async with Client(self._endpoint, on_trouble=self._on_trouble) as client:
            await at_once(
                self._endpoint.concurrency,
                lambda: self._draw_some(client, missing),
                self._between,
            )

    def _between(self) -> None:
        self._worker.check_cancelled(self._spec.run_id)
        if time.monotonic() - self._written > PART_SECONDS:
            self._flush()

    def _request(self, sampling: SamplingConfig) -> dict[str, Any]:
        return sampling_request(self._endpoint, self._spec.model.location, sampling)

    async def _draw_some(self, client: Client, missing: Iterator[Draw]) -> None:
        for draw in missing:  # shared: each draw goes to one task
            if self._refusals.postpones(draw):
                continue
            sampling = self._stage.sampling_of(draw.prompt)
            try:
                chat = behind_rows(self._rows, draw.prompt.messages)
                request = self._request(sampling)
                completion = await client.chat(request, chat, sent_seed(draw.seed))
            except PromptRefused as error:
                self._refusals.add(draw, error)
            else:
                self._refusals.answered = True
                self._keep(draw, read_answer(completion, sampling))
            for refused in self._refusals.to_record():
                self._keep_refused(*refused)

    def _keep_refused(self, draw: Draw, reason: WorkerError) -> None:
        """Record a draw that the server does not make, with its words in the place of an engine."""
        self._writer.add(
            draw,
            "",
            REFUSED,
            engine=f"{self._endpoint.name} {self._endpoint.base_url}: {reason}"[:LONGEST_REASON],
            prompt_tokens=None,
            tokens=None,
            logprob=None,
            draw_seed=sent_seed(draw.seed),
        )
        self._done += 1

    def _keep(self, draw: Draw, answer: Answer) -> None:
        self._writer.add(
            draw,
            answer.text,
            answer.finish_reason,
            engine=engine(self._endpoint, answer),
            prompt_tokens=answer.prompt_tokens,
            tokens=answer.tokens,
            logprob=answer.logprob,
            draw_seed=sent_seed(draw.seed),
            reasoning=answer.reasoning,
        )
        self._usage.add(answer)
        self._repeats.add(draw, answer)
        self._done += 1
        rate = self._usage.answers / max(time.monotonic() - self._started, 1e-9)
        self._worker.progress(
            self._spec.run_id,
            self._done,
            self._total,
            "samples",
            rate=rate,
            message=str(self._usage),
        )

    def _flush(self) -> None:
        self._written = time.monotonic()
        self._writer.flush()

    def _on_trouble(self, what: str) -> None:
        """Tell people of the first failure; the others are for the log."""
        self._failures += 1
        if self._failures == 1:
            self._worker.note(what, self._spec.run_id)
        else:
            print(what, flush=True)

    def _note_refusals(self) -> None:
        for reason, count in by_count(self._refusals.counts):
            were, have = are(count, "was", "were"), are(count, "has", "have")
            self._worker.note(
                f"{count:,} of {plural(self._total, 'draw')} {were} refused and {have} no text: "
                f"{reason}",
                self._spec.run_id,
            )

    def _note_usage(self) -> None:
        if not self._usage.answers:
            return
        name = self._endpoint.name
        self._worker.note(
            f"{self._usage.answers:,} answers of {name}: {self._usage}", self._spec.run_id
        )
        if self._usage.only_reasoning:
            self._worker.note(
                f"{self._usage.only_reasoning:,} of {self._usage.answers:,} answers are empty: "
                "the server spent all tokens on reasoning; raise sampling.max_tokens",
                self._spec.run_id,
            )
        for reason, count in by_count(self._usage.empty):
            self._worker.note(
                f"{count:,} of {self._usage.answers:,} answers are empty (finish_reason {reason})",
                self._spec.run_id,
            )
        if self._hot and self._repeats.suspicious:
            self._worker.note(
                f"every draw of a prompt is the same text: {name} may ignore temperature and seed "
                "(docs/endpoints.md)",
                self._spec.run_id,
            )


def sampling_request(endpoint: Endpoint, model: str, sampling: SamplingConfig) -> dict[str, Any]:
    """What every request for a draw says, but for messages and seed."""
    asked: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
    }
    if sampling.stop:
        asked["stop"] = list(sampling.stop)
    return request_body(endpoint, model, asked)


def sample(worker: Worker) -> None:
    """Sample every run of a launch."""
    stage = worker.spec.sample
    if stage is None:
        raise WorkerError("The launch names nothing to sample.", title="Empty launch")
    for run_id in worker.spec.run_ids:
        spec = worker.run_spec(run_id)
        with worker.run(run_id):
            worker.check_cancelled(run_id)
            endpoint = spec.model.endpoint
            if endpoint is None or spec.training is not None:
                raise WorkerError(f"Run {run_id} is not served.", title="Wrong worker")
            what = f"{spec.model.location} at {endpoint.base_url}, {endpoint.concurrency} at once"
            worker.emit("ready", message=what)
            print(what, flush=True)
            Sampler(worker, spec, stage, endpoint).run()


if __name__ == "__main__":
    sys.exit(launch_worker("sample", sample))
