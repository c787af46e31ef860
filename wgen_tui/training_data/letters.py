"""Letters of options, each of which must be one token behind its prompt.

Promises: the plan and the worker tell it by the same lines of code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from experiments.readouts import Readout
from wgen_tui.training_data.mask import TemplateRefusal
from wgen_tui.training_data.problems import Problem
from wgen_tui.training_data.texts import plain

if TYPE_CHECKING:
    from wgen_tui.training_data.checks import Encoder

Tokenize = Callable[[str], Sequence[int]]
INSTEAD = "Ask it as type: logprob with the options' texts as continuations."


def tokens_behind(
    tokenize: Tokenize, text: str, ids: Sequence[int], continuation: str
) -> tuple[int, ...]:
    """A continuation's tokens behind a prompt; by itself where the prompt's end would change."""
    whole, before = tuple(tokenize(text + continuation)), tuple(ids)
    if whole[: len(before)] == before and len(whole) > len(before):
        return whole[len(before) :]
    return tuple(tokenize(continuation))


def no_letters(letters: Sequence[str], tokens: Sequence[tuple[int, ...]]) -> str:
    """Which letters are no tokens of their own; empty where all are."""
    long = [letter for letter, ids in zip(letters, tokens, strict=True) if len(ids) != 1]
    if long or len(set(tokens)) < len(tokens):
        return ", ".join(long) or "the letters of its options"
    return ""


def told(question: str, letters: str) -> str:
    """What is wrong with a question whose letters are no tokens."""
    return (
        f"{question}: {letters} is not a token of its own behind the prompt, so its probability "
        "cannot be read in one place"
    )


def letter_problems(encoder: Encoder, readouts: Sequence[Readout]) -> list[Problem]:
    """The questions with letters that this tokenizer cannot be read at, each once."""
    problems: dict[str, Problem] = {}
    for item in readouts:
        if item.type != "multiple_choice" or item.question in problems:
            continue
        try:
            text = encoder.render(plain(item.messages), prompt=True)
        except TemplateRefusal:  # told of the prompts
            continue
        ids = encoder.tokenize(text)
        letters = [letter for _, letter in item.continuations]
        tokens = [tokens_behind(encoder.tokenize, text, ids, letter) for letter in letters]
        if wrong := no_letters(letters, tokens):
            what = told(item.question, wrong)
            problems[item.question] = Problem(kind="letters", blocking=True, what=what, fix=INSTEAD)
    return list(problems.values())
