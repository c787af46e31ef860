"""Where a prompt ends and an answer begins: what is trained first must be what is sampled first.

Promises: an answer whose first token holds a part of the prompt (the generation prompt ends in
white space, or the tokenizer merges across it) is named; trained so, the model would learn an
answer behind a prompt that sampling never gives it. So are an answer before which the text has
another prompt than sampling's (one that opens or closes thoughts which the text does not have), and
one whose first token a template's own marks leave out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wgen_tui.training_data.mask import (
    Chat,
    Example,
    Render,
    TemplateRefusal,
    counts,
    shared_length,
)
from wgen_tui.training_data.problems import EncodedExample, Problem, lines_of, quoted, share

Tokenize = Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Seam:
    """How the answers of a chat follow their prompts.

    Attributes:
        merged: Whether one begins in a token that holds the end of its prompt.
        unmarked: Whether the first token behind a prompt is not trained.
        prompt_rest: What sampling's prompt has beside the text's; None: it is the same.
    """

    merged: bool = False
    unmarked: bool = False
    prompt_rest: str | None = None


def seam_of(render: Render, tokenize: Tokenize, chat: Chat, example: Example) -> Seam:
    """How the trained answers of a chat follow the prompts that sampling gives.

    Args:
        render: The chat template.
        tokenize: A text to ids, without special tokens of the tokenizer's own.
        chat: The chat.
        example: The same, encoded whole.
    """
    seam = Seam()
    for index, turn in enumerate(chat):
        if not counts(turn):
            continue
        try:
            prompt = render(chat[:index], prompt=True)
        except TemplateRefusal:  # it takes no shorter chat, so sampling never asks this one
            continue
        ids = tuple(tokenize(prompt))
        if example.ids[: len(ids)] == ids:
            first = example.trained[len(ids) : len(ids) + 1]
            seam = replace(seam, unmarked=seam.unmarked or first == (False,))
            continue
        text = render(chat)
        if text.startswith(prompt):
            return replace(seam, merged=True)
        rest = seam.prompt_rest or prompt[shared_length(prompt, text) :]
        seam = replace(seam, prompt_rest=rest)
    return seam


def seam_problems(examples: Sequence[EncodedExample]) -> list[Problem]:
    """The problems of what `seam_of` told of the examples."""
    problems = []
    if wrong := [item for item in examples if item.merged]:
        problems.append(
            Problem(
                kind="seam",
                blocking=True,
                lines=tuple(item.line for item in wrong),
                what=f"the answer of {share(wrong, examples)} begins in a token that holds the end "
                f"of the prompt ({lines_of(wrong)}), so what sampling draws first is not what is "
                "trained first",
                fix="Give a chat_template in experiment.yaml whose generation prompt ends with the "
                "token that opens the assistant's turn, or take white space off the beginning of "
                "the answers.",
            )
        )
    if unmarked := [item for item in examples if item.unmarked]:
        problems.append(
            Problem(
                kind="untrained_start",
                blocking=False,
                lines=tuple(item.line for item in unmarked),
                what="the first token behind the generation prompt, which sampling draws first, is "
                f"not trained in {share(unmarked, examples)} ({lines_of(unmarked)})",
                fix="If it is not meant so, let {% generation %} begin where the generation prompt "
                "of the chat_template ends.",
            )
        )
    if unlike := [item for item in examples if item.prompt_rest]:
        problems.append(
            Problem(
                kind="other_prompt",
                blocking=False,
                lines=tuple(item.line for item in unlike),
                what=f"an answer of {share(unlike, examples)} is trained behind another prompt "
                f"than sampling gives it ({lines_of(unlike)}): sampling's goes on with "
                f"{quoted(str(unlike[0].prompt_rest))}",
                fix="If it matters, give a chat_template in experiment.yaml that writes both so.",
            )
        )
    return problems
