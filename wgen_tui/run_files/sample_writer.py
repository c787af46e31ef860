"""What a run's sampling has on disk, lacks and adds: the one writer, whatever draws.

Promises: a draw or a reading that is on disk is not asked for again; its id and seed follow from
the run and the definition alone. Tokens and reasoning reach the disk before their samples, so a
sample that is there has both. Imports no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wgen_tui.paths import RunPaths
from wgen_tui.protocol.held_out import HeldOutSet, asked_rows
from wgen_tui.protocol.ids import make_blind_key, make_draw_seed, sampling_key
from wgen_tui.protocol.launches import PromptSpec, ReadoutSpec, SampleStage
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files import parts
from wgen_tui.run_files.inventory import asked_draws, asked_readings, read_ids

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw that a run lacks."""

    sample_id: int
    step: int
    prompt: PromptSpec
    number: int
    seed: int


class SampleWriter:
    """Writes what one launch draws and reads for one run."""

    def __init__(
        self,
        spec: RunSpec,
        run: RunPaths,
        launch_id: str,
        stage: SampleStage,
        more_sampling: Mapping[str, Any] | None = None,
    ) -> None:
        """Take a run as it is on disk.

        Args:
            spec: The run.
            run: Its files.
            launch_id: Names the parts that are written.
            stage: What is drawn and read.
            more_sampling: What an engine adds to the sampling parameters that are stored.
        """
        self.spec = spec
        self._run = run
        self._launch_id = launch_id
        self._stage = stage
        self._more_sampling = more_sampling or {}
        self._parameters: dict[tuple[str, str], str] = {}  # by question and variant
        self._samples: list[Row] = []
        self._tokens: list[Row] = []
        self._reasoning: list[Row] = []
        self._readouts: list[Row] = []
        self._held_out: list[Row] = []

    @cached_property
    def _drawn(self) -> set[int]:
        return read_ids(self._run.samples, "sample_id")

    @cached_property
    def _read(self) -> set[int]:
        return read_ids(self._run.readouts, "reading_id")

    @cached_property
    def _measured(self) -> set[int]:
        return read_ids(self._run.held_out, "held_out_id")

    def missing(self, step: int) -> Iterator[Draw]:
        """The draws of a checkpoint that were not on disk when first asked."""
        for sample_id, prompt, number in asked_draws(self.spec.run_id, step, self._stage):
            if sample_id not in self._drawn:
                seed = make_draw_seed(sample_id, self.spec.seeds.sampling)
                yield Draw(sample_id, step, prompt, number, seed)

    def missing_readings(self, step: int) -> Iterator[tuple[int, ReadoutSpec]]:
        """The readings of a checkpoint, by id, that were not on disk when first asked."""
        for reading_id, readout in asked_readings(self.spec.run_id, step, self._stage):
            if reading_id not in self._read:
                yield reading_id, readout

    def missing_held_out(self, step: int) -> Iterator[tuple[int, HeldOutSet, int]]:
        """The held-out rows (id, set, place) whose loss was not on disk when first asked."""
        for held_out_id, held_out, place in asked_rows(self.spec, step, self._stage.held_out):
            if held_out_id not in self._measured:
                yield held_out_id, held_out, place

    def write_prompts(self, prompts: Iterable[tuple[PromptSpec, str | None]]) -> None:
        """Write the prompts that are not on disk.

        Args:
            prompts: Each with its text behind the chat template; None where a server applies it.
        """
        have = read_ids(self._run.prompts, "prompt_id")
        rows: list[Row] = [
            _prompt_row(self.spec, prompt, text)
            for prompt, text in prompts
            if prompt.prompt_id not in have
        ]
        if rows:
            parts.write_prompts(self._run.prompts, self._launch_id, rows)

    def add(
        self,
        draw: Draw,
        completion: str,
        finish_reason: str,
        *,
        engine: str,
        prompt_tokens: int | None,
        tokens: int | None,
        logprob: float | None,
        draw_seed: int | None = None,
        token_ids: Sequence[int] = (),
        logprobs: Sequence[float] = (),
        reasoning: str = "",
    ) -> None:
        """Take a sample, to be written by the next flush.

        Args:
            draw: What was to be drawn.
            completion: The text.
            finish_reason: As in the column.
            engine: Who drew it.
            prompt_tokens: Of the prompt; None where a server does not say, as the next two.
            tokens: Of the completion.
            logprob: Of the completion.
            draw_seed: The seed that was used, where it is not the draw's own.
            token_ids: The completion's, to be written where the definition asks for logprobs.
            logprobs: Of each of them.
            reasoning: What was thought before the completion, and is no part of it.
        """
        self._samples.append(
            {
                "sample_id": draw.sample_id,
                "blind_key": make_blind_key(draw.sample_id),
                "run_id": self.spec.run_id,
                "experiment": self.spec.experiment,
                "model": self.spec.model.name,
                "arm": self.spec.arm,
                "role": self.spec.role,
                "seed": self.spec.seeds.seed,
                "step": draw.step,
                "prompt_id": draw.prompt.prompt_id,
                "question": draw.prompt.question,
                "paraphrase": draw.prompt.paraphrase,
                "variant": draw.prompt.variant,
                "draw": draw.number,
                "completion": completion,
                "finish_reason": finish_reason,
                "prompt_tokens": prompt_tokens,
                "tokens": tokens,
                "logprob": logprob,
                "draw_seed": draw.seed if draw_seed is None else draw_seed,
                "sampling": self._sampling(draw.prompt),
                "engine": engine,
                "launch_id": self._launch_id,
                "created_at": now(),
            }
        )
        if self._stage.sampling.logprobs and token_ids:
            self._tokens.append(
                {
                    "sample_id": draw.sample_id,
                    "run_id": self.spec.run_id,
                    "token_ids": token_ids,
                    "logprobs": logprobs,
                }
            )

        if reasoning:
            own = {"sample_id": draw.sample_id, "run_id": self.spec.run_id}
            self._reasoning.append({**own, "text": reasoning})

    def _sampling(self, prompt: PromptSpec) -> str:
        """How a prompt's answers are drawn, as it is stored."""
        key = prompt.question, prompt.variant
        if key not in self._parameters:
            own = {**sampling_key(self._stage.sampling_of(prompt)), **self._more_sampling}
            self._parameters[key] = json.dumps(own, sort_keys=True)
        return self._parameters[key]

    def add_reading(self, rows: Iterable[Row], *, engine: str) -> None:
        """Take the rows of one reading, to be written by the next flush.

        Args:
            rows: The columns that are not the same for every reading of the run and launch.
            engine: Who read it.
        """
        own = self._own(engine)
        self._readouts += [{**own, **row} for row in rows]

    def add_held_out(self, row: Row, *, engine: str) -> None:
        """Take what a checkpoint makes of a held-out row, to be written by the next flush."""
        self._held_out.append({**self._own(engine), **row})

    def _own(self, engine: str) -> Row:
        return {
            "run_id": self.spec.run_id,
            "experiment": self.spec.experiment,
            "model": self.spec.model.name,
            "arm": self.spec.arm,
            "role": self.spec.role,
            "seed": self.spec.seeds.seed,
            "engine": engine,
            "launch_id": self._launch_id,
            "created_at": now(),
        }

    def flush(self) -> None:
        """Write what was added since the last flush."""
        if self._readouts:
            parts.write_readouts(self._run.readouts, self._launch_id, self._readouts)
            self._readouts = []
        if self._held_out:
            parts.write_held_out(self._run.held_out, self._launch_id, self._held_out)
            self._held_out = []
        # Before their samples: a sample that is there is not drawn again.
        if self._reasoning:
            parts.write_reasoning(self._run.reasoning, self._launch_id, self._reasoning)
            self._reasoning = []
        if self._tokens:
            parts.write_tokens(self._run.tokens, self._launch_id, self._tokens)
            self._tokens = []
        if self._samples:
            parts.write_samples(self._run.samples, self._launch_id, self._samples)
            self._samples = []


def _prompt_row(spec: RunSpec, prompt: PromptSpec, text: str | None) -> Row:
    messages = [message.model_dump() for message in prompt.messages]
    return {
        "prompt_id": prompt.prompt_id,
        "model": spec.model.name,
        "experiment": spec.experiment,
        "question": prompt.question,
        "paraphrase": prompt.paraphrase,
        "variant": prompt.variant,
        "messages": json.dumps(messages, ensure_ascii=False),
        "text": text,
    }
