"""The runs of a sample launch while they are worked on, and the checkpoints they are drawn from.

Promises: a run's outcome is written once; whatever ends it, what was drawn is on disk before.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from wgen_tui.paths import RunPaths
from wgen_tui.protocol.launches import FailedAt, PromptSpec, SampleStage
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.manifests import checkpoints
from wgen_tui.run_files.sample_writer import Draw, SampleWriter
from wgen_tui.run_files.steps import kept_steps, steps_to_sample
from wgen_tui.workers.runtime import Worker, WorkerError
from wgen_tui.workers.sample.engine.decode import Completion, Request
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots
from wgen_tui.workers.sample.held_out import HeldOutRow
from wgen_tui.workers.sample.readouts import ReadoutPrompt


@dataclass(eq=False)
class RunProgress:
    """A run that is being sampled.

    Attributes:
        writer: Takes what is drawn and read.
        total: Draws, readings and held-out rows that are asked for.
        done: How many of them are on disk or drawn.
        unfinished: How many of its checkpoints still lack something.
        ended: Whether its outcome is written.
    """

    worker: Worker
    spec: RunSpec
    files: RunPaths
    writer: SampleWriter
    total: int = 0
    done: int = 0
    unfinished: int = 0
    ended: bool = False
    _drawn_now: int = 0
    _requests: list[Request] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)

    @property
    def run_id(self) -> str:
        return self.spec.run_id

    def track(self, requests: Iterable[Request]) -> None:
        """Abort these requests when the run ends early."""
        self._requests += requests

    def count(self) -> None:
        """Report one more draw, reading or held-out row as done."""
        self.done += 1
        self._drawn_now += 1
        rate = self._drawn_now / max(time.monotonic() - self._started, 1e-9)
        self.worker.progress(self.run_id, self.done, self.total, "samples", rate=rate)

    def finish_checkpoint(self) -> None:
        """Count a checkpoint as finished; the last one ends the run."""
        self.unfinished -= 1
        if self.unfinished == 0 and not self.ended:
            self.writer.flush()
            self.ended = True
            self.worker.end_run(self.run_id)

    def fail(self, error: Exception) -> None:
        """End the run by what stopped it; what was drawn is written first."""
        if self.ended:
            return
        self.ended = True
        for request in self._requests:
            request.aborted = True
        try:
            self.writer.flush()
        finally:
            self.worker.record_error(self.run_id, error)


@dataclass(eq=False)
class CheckpointWork:
    """A checkpoint of a run (step 0: the base) and what it lacks.

    Attributes:
        draws: The requests, each with the draw that it makes.
        readings: What is to be read, by its id.
        held_out: Rows that it is to be measured on, by the id of what comes of each.
        slot: The slot of its adapter on the base.
        scaled: The slots where the adapter counts other than 1, by what it counts.
    """

    run: RunProgress
    step: int
    draws: dict[Request, Draw]
    readings: dict[int, ReadoutPrompt]
    held_out: dict[int, HeldOutRow] = field(default_factory=dict)
    slot: int = NO_SLOT
    scaled: dict[float, int] = field(default_factory=dict)

    @property
    def lacks(self) -> int:
        """How much it lacks."""
        return len(self.draws) + len(self.readings) + len(self.held_out)

    @property
    def alphas(self) -> set[float]:
        """What its adapter counts in what is lacking, where that is said."""
        prompts = [draw.prompt for draw in self.draws.values()]
        prompts += [reading.spec.prompt for reading in self.readings.values()]
        return {prompt.alpha for prompt in prompts if prompt.alpha is not None}

    def fail(self, error: Exception) -> None:
        """End the run by what stopped it at this checkpoint."""
        self.run.worker.ask_place(self.run.run_id, lambda: FailedAt(step=self.step))
        self.run.fail(error)

    @contextmanager
    def guard(self) -> Iterator[None]:
        """End this run, and no other, by what goes wrong inside."""
        try:
            yield
        except Exception as error:  # a bug or the machine is this run's outcome as well
            self.fail(error)

    def assign_slot(self, slot: int) -> None:
        """Draw from the adapter in this slot."""
        self.slot = slot
        for request in self.draws:
            request.slot = slot

    def scale(self, slots: AdapterSlots) -> None:
        """Have the adapter count what each prompt says; its slot is on the base by now."""
        self.scaled = {alpha: slots.scaled(self.slot, alpha) for alpha in self.alphas}
        for request, draw in self.draws.items():
            request.slot = self.slot_for(draw.prompt)

    def slot_for(self, prompt: PromptSpec) -> int:
        """The slot from which a prompt is answered."""
        return self.slot if prompt.alpha is None else self.scaled.get(prompt.alpha, self.slot)

    def queues(self) -> list[list[Request]]:
        """Its draws, by what the adapter counts."""
        by_slot: dict[int, list[Request]] = {}
        for request in self.draws:
            by_slot.setdefault(request.slot, []).append(request)
        return list(by_slot.values())


def steps_of(
    run: RunPaths, spec: RunSpec, stage: SampleStage
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The checkpoints to draw from, and those to measure on held-out rows.

    Raises:
        WorkerError: the run is not trained to its end.
        ManifestError: another version wrote one of its checkpoints.
    """
    kept = checkpoints(run)
    if spec.training is not None and not any(item.final for item in kept.values()):
        raise WorkerError(
            "The run has no final checkpoint.",
            title="Not trained",
            hint="Give the same `run start` again: it trains what is missing.",
        )
    drawn = steps_to_sample(kept, stage, spec.training, spec.trained_rows)
    if not any(held_out.of(spec) for held_out in stage.held_out):
        return drawn, ()
    return drawn, kept_steps(kept, spec.training, spec.trained_rows)


def add_completion(writer: SampleWriter, draw: Draw, completion: Completion, engine: str) -> None:
    """Hand a completion of the local engine to a run's writer."""
    writer.add(
        draw,
        completion.text,
        completion.finish_reason,
        engine=engine,
        prompt_tokens=len(completion.request.prompt),
        tokens=len(completion.tokens),
        logprob=completion.logprob,
        token_ids=completion.tokens,
        logprobs=completion.logprobs,
    )
