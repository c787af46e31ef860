"""What the texts of training data say before any tokenizer: overlap, duplicates, system prompts.

Promises: `problems` says what each of these means; case and white space make no difference here.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from experiments.prompts import render_prompts
from experiments.schema import Definition, Message
from wgen_tui.training_data.mask import Chat, Render, TemplateRefusal
from wgen_tui.training_data.problems import Problem, named, quoted

Numbered = tuple[int, Sequence[Message]]  # a line of the dataset, and its chat


def plain(messages: Sequence[Message]) -> Chat:
    """Messages as chat templates take them."""
    return [{"role": message.role, "content": message.content} for message in messages]


def dropped_system(render: Render, chats: Iterable[Numbered]) -> list[tuple[int, str]]:
    """The chats whose system prompt does not reach the text.

    Args:
        render: A chat template that takes these chats.
        chats: Each with a number of the caller's.

    Returns:
        The numbers, each with the system prompt that was dropped.
    """
    told: dict[tuple[str, ...], bool] = {}
    dropped = []
    for number, messages in chats:
        systems = tuple(m.content for m in messages if m.role == "system" and m.content.strip())
        if not systems:
            continue
        key = (*(message.role for message in messages), *systems)
        if key not in told:
            told[key] = drops_system(render, plain(messages))
        if told[key]:
            dropped.append((number, systems[0]))
    return dropped


def drops_system(render: Render, chat: Chat) -> bool:
    """Whether another text in a system turn makes no difference."""
    text = render(chat)
    for index, turn in enumerate(chat):
        if turn["role"] == "system" and turn["content"].strip():
            other = {"role": "system", "content": f"{turn['content']} Otherwise."}
            try:
                if render([*chat[:index], other, *chat[index + 1 :]]) == text:
                    return True
            except TemplateRefusal:  # it looks at the text, so it does not drop it
                continue
    return False


def dropped_system_problem(
    dropped: Sequence[tuple[int, str]], total: int, noun: str = "example"
) -> Problem | None:
    """The problem of `dropped_system`'s findings.

    Args:
        dropped: What that found.
        total: Of how many chats.
        noun: "example", whose numbers are lines, or "prompt".
    """
    if not dropped:
        return None
    lines = tuple(number for number, _ in dropped) if noun == "example" else ()
    where = f" ({named(lines)})" if lines else ""
    count = f"{len(dropped)} of {total} {noun}s"
    return Problem(
        kind="dropped_system",
        blocking=True,
        lines=lines,
        what=f"the chat template drops the system prompt of {count}{where}: "
        f"{quoted(dropped[0][1])} is nowhere in the text",
        fix="Give a chat_template in experiment.yaml that writes system turns, or move the text "
        "into the user's turn: prefix instead of system.",
    )


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
    seen: set[tuple[Message, ...]] = set()
    lines = []
    for line, messages in rows:
        if tuple(messages) in seen:
            lines.append(line)
        seen.add(tuple(messages))
    if not lines:
        return None
    what = f"{len(lines)} of {len(rows)} examples repeat another ({named(lines)})"
    return Problem(kind="duplicates", blocking=False, lines=tuple(lines), what=what)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
