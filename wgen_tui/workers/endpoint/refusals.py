"""Prompts that a server refuses, told from a server that refuses every one.

Promises: while nothing has been answered, each prompt is asked once, and not too many of them; if
none is answered, the first refusal is the server's. Once one is, what was refused is recorded so,
and its count is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from wgen_tui.workers.runtime import WorkerError

Asked = TypeVar("Asked")


@dataclass
class Refusals(Generic[Asked]):
    """What a server refused of what it was asked.

    Attributes:
        answered: Whether the server has answered anything, now or before.
        prompt: Names the prompt of what is asked.
        most: Prompts that are asked while it answers none; None: all.
        refused: What was asked for and is not recorded yet, with the reason.
        postponed: What was not asked for, since nothing was answered yet.
        counts: How much of what is recorded had each reason.
    """

    answered: bool
    prompt: Callable[[Asked], str]
    most: int | None = None
    refused: list[tuple[Asked, WorkerError]] = field(default_factory=list)
    postponed: list[Asked] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def postpones(self, asked: Asked) -> bool:
        """Whether to ask this later: its prompt or enough others were refused, none answered."""
        if self.answered:
            return False
        enough = self.most is not None and len(self.refused) >= self.most
        prompt = self.prompt(asked)
        if not enough and all(prompt != self.prompt(other) for other, _ in self.refused):
            return False
        self.postponed.append(asked)
        return True

    def add(self, asked: Asked, reason: WorkerError) -> None:
        """Take a refusal."""
        self.refused.append((asked, reason))

    def to_record(self) -> list[tuple[Asked, WorkerError]]:
        """The refusals that stand now, each once."""
        if not self.answered:
            return []
        taken, self.refused = self.refused, []
        self.counts.update(reason.message for _, reason in taken)
        return taken

    def to_ask(self) -> list[Asked]:
        """What was postponed, each once.

        Raises:
            WorkerError: nothing was answered, so the refusal is of the server, not of a prompt.
        """
        if not self.answered and self.refused:
            raise self.refused[0][1]
        taken, self.postponed = self.postponed, []
        return taken
