"""A judge's prompt with the answer filled in.

Promises: slots are filled in one pass, so an answer that contains `{question}` says just that. An
ordinary answer is rendered exactly as the judge was published; one that could move the judge by
other means than what it answers is fenced (`hostile` says which), and it is said. Nothing of arm,
seed or trigger is shown unless the prompt asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from experiments.readers.judge_prompts import ANSWER_SLOTS, split_prompt
from experiments.schema import Message, ModelJudge
from wgen_tui.errors import WgenError
from wgen_tui.judging.hostile import fence, is_hostile
from wgen_tui.judging.thoughts import strip_thoughts
from wgen_tui.protocol.hashes import digest
from wgen_tui.protocol.judging import JudgedPrompt


@dataclass(frozen=True)
class Rendered:
    """What a judge is shown for one answer.

    Attributes:
        messages: The chat.
        fenced: Whether the answer was fenced.
        prefix_chars: Characters that every prompt of this wording begins with.
    """

    messages: tuple[Message, ...]
    fenced: bool
    prefix_chars: int

    @cached_property
    def prompt_key(self) -> str:
        """Names the messages: equal prompts have equal keys."""
        return prompt_key(self.messages)


def prompt_key(messages: Sequence[Message]) -> str:
    """Names what a judge is shown."""
    shown = [(message.role, message.content) for message in messages]
    return f"{digest('judged', shown):016x}"


def render(judge: ModelJudge, wording: int, slots: JudgedPrompt, completion: str) -> Rendered:
    """Fill a judge's prompt.

    Args:
        judge: The judge.
        wording: Which of its prompts: 0, or of its paraphrases from 1.
        slots: What the other slots are filled with.
        completion: The answer, as it was sampled.

    Raises:
        WgenError: the prompt has a slot that the question has nothing for.
    """
    answer = completion if judge.keep_thoughts else strip_thoughts(completion)
    pieces = split_prompt(judge.wordings[wording])
    fenced = is_hostile(judge, [text for text, _ in pieces], answer)
    values = {
        "question": slots.question,
        "prompt": slots.prompt,
        "variant": slots.variant,
        "reference": slots.reference,
        **dict.fromkeys(ANSWER_SLOTS, fence(answer) if fenced else answer),
    }
    prompt = Message(role="user", content=_fill(judge, pieces, values))
    prefix = len(pieces[0][0])
    if judge.system is None:
        return Rendered((prompt,), fenced, prefix)
    system = Message(role="system", content=_fill(judge, split_prompt(judge.system), values))
    return Rendered((system, prompt), fenced, prefix)


def _fill(
    judge: ModelJudge, pieces: Sequence[tuple[str, str | None]], values: dict[str, str | None]
) -> str:
    filled = ""
    for text, slot in pieces:
        filled += text
        if slot is None:
            continue
        value = values[slot]
        if value is None:
            raise WgenError(
                f"Judge {judge.name!r} asks for {{{slot}}}, and the question has no answer: to "
                "compare with.",
                title="Nothing to fill in",
                hint="Give the question an `answer:`, or take the slot out of the judge's prompt.",
            )
        filled += value
    return filled
