"""The training data before a launch: what would make a run void is refused, the rest is said.

Promises: no torch, no download, nothing written. Masks are checked here where the tokenizer lies
on this machine, and in any case by the worker before it trains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.prompts import render_prompts
from experiments.schema import Definition
from wgen_tui.errors import UsageError
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models.local_tokenizer import local_tokenizer
from wgen_tui.training_data.checks import examine, prompt_problems, row_problems
from wgen_tui.training_data.problems import Problem, refusal
from wgen_tui.training_data.texts import Numbered, duplicates, overlap


def check_texts(definition: Definition, arms: Mapping[str, Sequence[Numbered]]) -> list[str]:
    """What the examples' texts tell, whatever the model: overlap and duplicates.

    Returns:
        Warnings.
    """
    return [
        f"arm {arm}: {problem.what}{f'. {problem.fix}' if problem.fix else ''}".rstrip(".")
        for arm, rows in arms.items()
        for problem in text_problems(definition, rows)
    ]


def text_problems(definition: Definition, rows: Sequence[Numbered]) -> list[Problem]:
    """Overlap with the evaluation, and duplicates, of one arm."""
    found = (overlap(rows, definition), duplicates(rows))
    return [problem for problem in found if problem is not None]


def check_tokens(
    definition: Definition, model: ModelRef, arms: Mapping[str, Sequence[Numbered]], name: str
) -> list[str]:
    """What the examples are to one model: masks, ends, lengths, system prompts.

    Args:
        definition: The experiment.
        model: The base model.
        arms: Lines and chats by arm, in the arm's context.
        name: What the user called the experiment, for the hint.

    Returns:
        Warnings; none where the tokenizer is not on this machine.

    Raises:
        UsageError: the run would be void; all that blocks is named, with arm and lines.
    """
    tokenizer = local_tokenizer(model, definition.chat_template)
    if tokenizer is None:
        return []
    found: list[tuple[str, Problem]] = []
    for arm, rows in arms.items():
        looks = examine(tokenizer, rows, definition.training)
        problems = row_problems(tokenizer, rows, looks, definition.training)
        found += [(f"Arm {arm}", problem) for problem in problems]
    asked = prompt_problems(tokenizer, render_prompts(definition))
    found += [("Questions", problem) for problem in asked]
    if refused := refusal(found):
        title, message, hint = refused
        show = f"\nSee it: wgen-tui experiment preview {name}"
        raise UsageError(message, title=title, hint=hint + show)
    return [f"{where[0].lower()}{where[1:]}: {problem.what}" for where, problem in found]
