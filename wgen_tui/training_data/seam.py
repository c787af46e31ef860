"""Where a prompt ends and an answer begins: what is trained first must be what is sampled first.

Promises: an answer whose first token holds a part of the prompt (the generation prompt ends in
white space, or the tokenizer merges across it) is named; trained so, the model would learn an
answer behind a prompt that sampling never gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wgen_tui.training_data.mask import Chat, Example, Render, TemplateRefusal, counts
from wgen_tui.training_data.problems import EncodedExample, Problem, lines_of

Tokenize = Callable[[str], Sequence[int]]


def has_seam(render: Render, tokenize: Tokenize, chat: Chat, example: Example) -> bool:
    """Whether a trained answer does not begin behind its tokenised prompt.

    Args:
        render: The chat template.
        tokenize: A text to ids, without special tokens of the tokenizer's own.
        chat: The chat.
        example: The same, encoded whole.
    """
    for index, turn in enumerate(chat):
        if not counts(turn):
            continue
        try:
            prompt = render(chat[:index], prompt=True)
        except TemplateRefusal:  # it takes no shorter chat, so sampling never asks this one
            continue
        ids = tuple(tokenize(prompt))
        # Where the whole does not begin with it as text, the template rewrites what stands before.
        if example.ids[: len(ids)] != ids and render(chat).startswith(prompt):
            return True
    return False


def seam_problem(examples: Sequence[EncodedExample]) -> Problem | None:
    """The problem of the examples in which `has_seam` is true."""
    wrong = [item for item in examples if item.seam]
    if not wrong:
        return None
    some = f"{len(wrong)} of {len(examples)} examples"
    return Problem(
        kind="seam",
        blocking=True,
        lines=tuple(item.line for item in wrong),
        what=f"the answer of {some} begins in a token that holds the end of the prompt "
        f"({lines_of(wrong)}), so what sampling draws first is not what is trained first",
        fix="Give a chat_template in experiment.yaml whose generation prompt ends with the token "
        "that opens the assistant's turn, or take white space off the beginning of the answers.",
    )
