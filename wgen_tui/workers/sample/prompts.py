"""Prompts as a model gets them: through its chat template, as tokens."""

from __future__ import annotations

from dataclasses import dataclass

from wgen_tui.protocol.launches import PromptSpec, SampleStage
from wgen_tui.training_data.problems import refusal
from wgen_tui.training_data.vocabulary import of_prompts
from wgen_tui.workers.encoding import render
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.sample.readouts import ReadoutPrompt, tokenize_readout


@dataclass(frozen=True)
class TokenizedPrompt:
    """A prompt as this model gets it."""

    text: str
    ids: tuple[int, ...]


def tokenize_prompts(base: Base, stage: SampleStage) -> dict[str, TokenizedPrompt]:
    """Every prompt that is drawn from, by prompt id.

    Raises:
        WorkerError: one has tokens that the model has no embedding for.
    """
    prompts = {}
    for prompt in stage.prompts:
        text = _text(base, prompt)
        ids = base.tokenizer(text, add_special_tokens=False)["input_ids"]
        prompts[prompt.prompt_id] = TokenizedPrompt(text, tuple(ids))
    highest = [(name, max(prompt.ids, default=-1)) for name, prompt in prompts.items()]
    if refused := refusal([("", item) for item in of_prompts(highest, base.vocabulary)]):
        title, message, hint = refused
        raise WorkerError(message, title=title, hint=hint)
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
