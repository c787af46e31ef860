"""What the texts of training data say before any tokenizer: overlap and duplicates.

Promises: `problems` says what each of these means; case and white space make no difference here.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from experiments.prompts import render_prompts
from experiments.schema import Definition, Message, TrainingConfig
from wgen_tui.terminal_text import plural
from wgen_tui.training_data.blanks import Blanks
from wgen_tui.training_data.mask import Chat
from wgen_tui.training_data.problems import Problem, named, quoted

Numbered = tuple[int, Sequence[Message]]  # a line of the dataset, and its chat


def plain(messages: Sequence[Message]) -> Chat:
    """Messages as `mask` takes them: chat templates' turns, with the weights and tools beside."""
    return [message.model_dump() for message in messages]


def trained_chat(messages: Sequence[Message], training: TrainingConfig) -> Chat:
    """The same, with the answers that `train_on` leaves out at weight 0."""
    chat = plain(messages)
    if training.train_on == "last":
        for turn in [turn for turn in chat if turn["role"] == "assistant"][:-1]:
            turn["weight"] = 0
    return chat


class Texts:
    """What an arm's examples say, heard one by one; none is kept.

    Overlap: examples that contain an evaluation question, case and white space aside. What is
    looked for is the last user turn of every wording, without its variants; how many examples have
    the whole prompt, context included, is told beside it. Duplicates: examples that say word for
    word what one before them says. Blank: those in which nothing is asked or answered.
    """

    def __init__(self, definition: Definition) -> None:
        """Look for this definition's questions."""
        self._asked: dict[str, tuple[str, str]] = {}
        for question in definition.questions:
            for wording in question.wordings():
                text = next((m.content for m in reversed(wording) if m.role == "user"), "")
                if _folded(text):
                    self._asked.setdefault(_folded(text), (question.name, text))
        self._prompts = {_head(prompt.messages) for prompt in render_prompts(definition)}
        self._total = self._whole = 0
        self._overlapping: list[int] = []
        self._hits: Counter[str] = Counter()
        self._seen: set[bytes] = set()
        self._repeated: list[int] = []
        self._blanks: Blanks[int] = Blanks()

    def hear(self, line: int, messages: Sequence[Message], row: Sequence[Message]) -> None:
        """Take in an example, in the arm's context; `row` is it as it stands in its file."""
        self._blanks.hear(line, row)
        self._total += 1
        text = "\n".join(_folded(message.content) for message in messages)
        if here := [words for words in self._asked if _contains(text, words)]:
            self._overlapping.append(line)
            self._hits.update(here)
            self._whole += _head(messages[:-1]) in self._prompts
        said = fingerprint(messages)
        if said in self._seen:
            self._repeated.append(line)
        self._seen.add(said)

    @property
    def problems(self) -> list[Problem]:
        """What stands out of all that was heard."""
        every = (self._overlap(), self._duplicates(), self._blank())
        return [problem for problem in every if problem is not None]

    def _blank(self) -> Problem | None:
        told = self._blanks.told()
        if not told:
            return None
        lines = tuple(sorted({line for _, places in told for line in places}))
        what = "; ".join(f"{said} ({named(places)})" for said, places in told)
        return Problem(kind="blank", blocking=False, lines=lines, what=what)

    def _overlap(self) -> Problem | None:
        lines, asked = self._overlapping, self._asked
        if not lines:
            return None
        shown = [
            f"{quoted(asked[words][1])} ({asked[words][0]}, {count}×)"
            for words, count in self._hits.most_common(3)
        ]
        more = f" and {len(self._hits) - 3} more" if len(self._hits) > 3 else ""
        context = f"{self._whole} of them" if self._whole else "none"
        return Problem(
            kind="overlap",
            blocking=False,
            lines=tuple(lines),
            what=f"{len(lines):,} of {plural(self._total, 'example')} contain an evaluation "
            f"question ({named(lines)}), {context} as a whole prompt with its context: "
            f"{', '.join(shown)}{more}",
            fix="What a model answers there is trained, not generalised: take the rows or the "
            "questions out, or read the answers so.",
        )

    def _duplicates(self) -> Problem | None:
        lines = self._repeated
        if not lines:
            return None
        what = f"{len(lines):,} of {self._total:,} examples repeat another ({named(lines)})"
        return Problem(kind="duplicates", blocking=False, lines=tuple(lines), what=what)


def fingerprint(messages: Sequence[Message]) -> bytes:
    """What is the same for two chats that say the same, and for no others."""
    said = "\n".join(message.model_dump_json() for message in messages)
    return blake2b(said.encode(), digest_size=16).digest()


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


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
