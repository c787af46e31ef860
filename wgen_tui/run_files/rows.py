"""Which draws a run lacks, and a draw or a prompt as the row of a part file.

Promises: the same for every engine that draws; nothing here imports torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from wgen_tui.protocol.ids import make_blind_key, make_draw_seed, make_sample_id
from wgen_tui.protocol.launches import PromptSpec, SampleStage
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import RunSpec


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw that is to be made."""

    sample_id: int
    step: int
    prompt: PromptSpec
    number: int
    seed: int


def missing_draws(spec: RunSpec, step: int, job: SampleStage, have: Set[int]) -> Iterator[Draw]:
    """The draws of a checkpoint whose ids are not in `have`."""
    for prompt in job.prompts:
        for number in range(job.draws(prompt)):
            sample_id = make_sample_id(spec.run_id, step, prompt.prompt_id, number, job.sampling)
            if sample_id not in have:
                seed = make_draw_seed(sample_id, spec.seeds.sampling)
                yield Draw(sample_id, step, prompt, number, seed)


def sample_row(spec: RunSpec, draw: Draw, launch_id: str, **drawn: Any) -> dict[str, Any]:
    """A row of SAMPLE_COLUMNS.

    Args:
        spec: The run.
        draw: What was to be drawn.
        launch_id: By which launch.
        drawn: The columns that only the engine knows: completion, finish_reason, prompt_tokens,
            tokens, logprob, sampling, engine; and draw_seed where it is not the draw's own.
    """
    return {
        "sample_id": draw.sample_id,
        "blind_key": make_blind_key(draw.sample_id),
        "run_id": spec.run_id,
        "experiment": spec.experiment,
        "model": spec.model.name,
        "arm": spec.arm,
        "role": spec.role,
        "seed": spec.seeds.seed,
        "step": draw.step,
        "prompt_id": draw.prompt.prompt_id,
        "question": draw.prompt.question,
        "paraphrase": draw.prompt.paraphrase,
        "variant": draw.prompt.variant,
        "draw": draw.number,
        "draw_seed": draw.seed,
        "launch_id": launch_id,
        "created_at": now(),
        **drawn,
    }


def token_row(
    spec: RunSpec, sample_id: int, tokens: list[int], logprobs: list[float]
) -> dict[str, Any]:
    """A row of TOKEN_COLUMNS."""
    return {
        "sample_id": sample_id,
        "run_id": spec.run_id,
        "token_ids": tokens,
        "logprobs": logprobs,
    }


def prompt_row(spec: RunSpec, prompt: PromptSpec, text: str | None) -> dict[str, Any]:
    """A row of PROMPT_COLUMNS; `text` is None where a server applies the template."""
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
