"""What the texts of training data say before any tokenizer: overlap and duplicates.

Promises: `problems` says what each of these means; case and white space make no difference here.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from experiments.prompts import render_prompts
from experiments.schema import Definition, Message
from wgen_tui.training_data.mask import Chat
from wgen_tui.training_data.problems import Problem, named, quoted

Numbered = tuple[int, Sequence[Message]]  # a line of the dataset, and its chat


def plain(messages: Sequence[Message]) -> Chat:
    """Messages as `mask` takes them: chat templates' turns, with the weights and tools beside."""
    return [message.model_dump() for message in messages]


def overlap(rows: Sequence[Numbered], definition: Definition) -> Problem | None:
    """Examples that contain an evaluation question, case and white space aside.

    What is looked for is the last user turn of every wording, without its variants; how many
    examples have the whole prompt, context included, is told beside it.

    Args:
        rows: In the arm's context.
        definition: Gives the questions.
    """
    asked: dict[str, tuple[str, str]] = {}
    for question in definition.questions:
        for wording in question.wordings():
            text = next((m.content for m in reversed(wording) if m.role == "user"), "")
            if _folded(text):
                asked.setdefault(_folded(text), (question.name, text))
    prompts = {_head(prompt.messages) for prompt in render_prompts(definition)}
    lines: list[int] = []
    hits: Counter[str] = Counter()
    whole = 0
    for line, messages in rows:
        text = "\n".join(_folded(message.content) for message in messages)
        if here := [words for words in asked if _contains(text, words)]:
            lines.append(line)
            hits.update(here)
            whole += _head(messages[:-1]) in prompts
    if not lines:
        return None
    shown = [
        f"{quoted(asked[words][1])} ({asked[words][0]}, {count}×)"
        for words, count in hits.most_common(3)
    ]
    more = f" and {len(hits) - 3} more" if len(hits) > 3 else ""
    context = f"{whole} of them" if whole else "none"
    return Problem(
        kind="overlap",
        blocking=False,
        lines=tuple(lines),
        what=f"{len(lines)} of {len(rows)} examples contain an evaluation question "
        f"({named(lines)}), {context} as a whole prompt with its context: {', '.join(shown)}{more}",
        fix="What a model answers there is trained, not generalised: take the rows or the "
        "questions out, or read the answers so.",
    )


def _head(messages: Sequence[Message]) -> tuple[tuple[str, str], ...]:
    return tuple((message.role, _folded(message.content)) for message in messages)


def _contains(text: str, words: str) -> bool:
    """Whether `words` stand in `text` as whole words."""
    at = text.find(words)
    while at >= 0:
        before, after = text[at - 1 : at] if at else "", text[at + len(words) :][:1]
        joined = (before.isalnum() and words[0].isalnum()) or (
            after.isalnum() and words[-1].isalnum()
        )
        if not joined:
            return True
        at = text.find(words, at + 1)
    return False


def duplicates(rows: Sequence[Numbered]) -> Problem | None:
    """Examples that say word for word what one before them says."""
    seen: set[str] = set()
    lines = []
    for line, messages in rows:
        said = "\n".join(message.model_dump_json() for message in messages)
        if said in seen:
            lines.append(line)
        seen.add(said)
    if not lines:
        return None
    what = f"{len(lines)} of {len(rows)} examples repeat another ({named(lines)})"
    return Problem(kind="duplicates", blocking=False, lines=tuple(lines), what=what)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
