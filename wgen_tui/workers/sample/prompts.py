"""Prompts as a model gets them: through its chat template, as tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.readers.shown_rows import behind_rows
from experiments.schema import Message
from wgen_tui.protocol.launches import PromptSpec, ReadoutSpec, SampleStage
from wgen_tui.training_data import context_length, vocabulary
from wgen_tui.training_data.problems import refusal
from wgen_tui.workers.encoding import render
from wgen_tui.workers.models import Base
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.sample.readouts import ReadoutPrompt, tokenize_readout

Rows = Sequence[Sequence[Message]]


@dataclass(frozen=True)
class TokenizedPrompt:
    """A prompt as this model gets it."""

    text: str
    ids: tuple[int, ...]


@dataclass(frozen=True)
class TokenizedStage:
    """All that a stage draws from and reads, as this model gets it.

    Attributes:
        prompts: By prompt id.
        readouts: By what they read.
    """

    prompts: dict[str, TokenizedPrompt]
    readouts: dict[ReadoutSpec, ReadoutPrompt]


def tokenize_stage(
    base: Base, stage: SampleStage, note: Callable[[str], None], rows: Rows = ()
) -> TokenizedStage:
    """A stage through the chat template, behind the rows that a run shows in context.

    Raises:
        WorkerError: as `tokenize_prompts` and `tokenize_readout`.
    """
    readouts = [
        tokenize_readout(base.tokenizer, spec, _text(base, spec.prompt, rows))
        for spec in stage.readouts
    ]
    prompts = tokenize_prompts(base, stage, note, rows)
    return TokenizedStage(prompts, {item.spec: item for item in readouts})


def tokenize_prompts(
    base: Base, stage: SampleStage, note: Callable[[str], None], rows: Rows = ()
) -> dict[str, TokenizedPrompt]:
    """Every prompt that is drawn from, by prompt id; what is dubious about them goes to `note`.

    Args:
        base: The model.
        stage: What is drawn.
        note: Told what a person should know.
        rows: What a run shows before each prompt.

    Raises:
        WorkerError: one has tokens that the model has no embedding for, or no position.
    """
    prompts = {}
    for prompt in stage.prompts:
        text = _text(base, prompt, rows)
        ids = base.tokenizer(text, add_special_tokens=False)["input_ids"]
        prompts[prompt.prompt_id] = TokenizedPrompt(text, tuple(ids))
    highest = [(name, max(prompt.ids, default=-1)) for name, prompt in prompts.items()]
    lengths = [
        (
            f"{prompt.question}/{prompt.variant}",
            len(prompts[prompt.prompt_id].ids),
            stage.sampling_of(prompt).max_tokens,
        )
        for prompt in stage.prompts
    ]
    problems = vocabulary.of_prompts(highest, base.vocabulary)
    problems += context_length.of_prompts(lengths, base.context)
    if refused := refusal([("", item) for item in problems]):
        title, message, hint = refused
        raise WorkerError(message, title=title, hint=hint)
    for problem in problems:
        note(problem.what)
    return prompts


def _text(base: Base, prompt: PromptSpec, rows: Rows) -> str:
    chat = [message.model_dump() for message in behind_rows(rows, prompt.messages)]
    return render(base.tokenizer, chat, prompt=True)
