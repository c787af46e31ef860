"""Prompts as a model gets them: through its chat template, as tokens."""

from __future__ import annotations

from dataclasses import dataclass

from wgen_tui.protocol.launches import PromptSpec, SampleStage
from wgen_tui.workers.encoding import render
from wgen_tui.workers.models import Base
from wgen_tui.workers.sample.readouts import ReadoutPrompt, tokenize_readout


@dataclass(frozen=True)
class TokenizedPrompt:
    """A prompt as this model gets it."""

    text: str
    ids: tuple[int, ...]


def tokenize_prompts(base: Base, stage: SampleStage) -> dict[str, TokenizedPrompt]:
    """Every prompt that is drawn from, by prompt id."""
    prompts = {}
    for prompt in stage.prompts:
        text = _text(base, prompt)
        ids = base.tokenizer(text, add_special_tokens=False)["input_ids"]
        prompts[prompt.prompt_id] = TokenizedPrompt(text, tuple(ids))
    return prompts


def tokenize_readouts(base: Base, stage: SampleStage) -> list[ReadoutPrompt]:
    """Every prompt whose probabilities are read.

    Raises:
        WorkerError: an option's letter is not one token.
    """
    return [
        tokenize_readout(base.tokenizer, spec, _text(base, spec.prompt)) for spec in stage.readouts
    ]


def _text(base: Base, prompt: PromptSpec) -> str:
    chat = [message.model_dump() for message in prompt.messages]
    return render(base.tokenizer, chat, prompt=True)
