"""The id of a prompt: of its messages and its place in the definition.

Promises: the same prompt has the same samples in every launch.
"""

from __future__ import annotations

from experiments.prompts import Prompt
from experiments.readouts import Readout
from wgen_tui.protocol.hashes import short_hash
from wgen_tui.protocol.launches import PromptSpec


def prompt_spec(prompt: Prompt | Readout) -> PromptSpec:
    """A prompt with its id."""
    return PromptSpec(
        prompt_id=short_hash(
            "prompt",
            [message.model_dump() for message in prompt.messages],
            prompt.question,
            prompt.paraphrase,
            prompt.variant,
            # Only where it is said: the ids of others are as they were before there was such.
            *([] if prompt.alpha is None else [prompt.alpha]),
        ),
        question=prompt.question,
        paraphrase=prompt.paraphrase,
        variant=prompt.variant,
        messages=prompt.messages,
        alpha=prompt.alpha,
    )
