"""Prompts as a model gets them: through its chat template, as tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wgen_tui.protocol.launches import PromptSpec, SampleStage
from wgen_tui.training_data import context_length, vocabulary
from wgen_tui.training_data.problems import refusal
from wgen_tui.workers.encoding import render
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.sample.readouts import ReadoutPrompt, tokenize_readout


@dataclass(frozen=True)
class TokenizedPrompt:
    """A prompt as this model gets it."""

    text: str
    ids: tuple[int, ...]


def tokenize_prompts(
    base: Base, stage: SampleStage, note: Callable[[str], None]
) -> dict[str, TokenizedPrompt]:
    """Every prompt that is drawn from, by prompt id; what is dubious about them goes to `note`.

    Raises:
        WorkerError: one has tokens that the model has no embedding for, or no position.
    """
    prompts = {}
    for prompt in stage.prompts:
        text = _text(base, prompt)
        ids = base.tokenizer(text, add_special_tokens=False)["input_ids"]
        prompts[prompt.prompt_id] = TokenizedPrompt(text, tuple(ids))
    highest = [(name, max(prompt.ids, default=-1)) for name, prompt in prompts.items()]
    lengths = [
        (f"{prompt.question}/{prompt.variant}", len(prompts[prompt.prompt_id].ids))
        for prompt in stage.prompts
    ]
    problems = vocabulary.of_prompts(highest, base.vocabulary)
    problems += context_length.of_prompts(lengths, stage.sampling.max_tokens, base.context)
    if refused := refusal([("", item) for item in problems]):
        title, message, hint = refused
        raise WorkerError(message, title=title, hint=hint)
    for problem in problems:
        note(problem.what)
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
