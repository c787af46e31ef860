"""Prompts that a server refuses, told from a server that refuses every one.

Promises: while nothing has been answered, each prompt is asked once; if none is answered, the first
refusal is the run's. Once one is, refused draws are samples without text, and their count is said.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from wgen_tui.run_files.sample_writer import Draw
from wgen_tui.workers.runtime import WorkerError


@dataclass
class Refusals:
    """The refused draws of one run.

    Attributes:
        answered: Whether the server has answered any draw, now or before.
        refused: Draws that were asked for and are not recorded yet, with the seed and the reason.
        postponed: Draws that were not asked for, since their prompt was refused before any answer.
        counts: How many recorded draws had each reason.
    """

    answered: bool
    refused: list[tuple[Draw, int, WorkerError]] = field(default_factory=list)
    postponed: list[Draw] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def postpones(self, draw: Draw) -> bool:
        """Whether to ask for this draw later: its prompt was refused, and nothing was answered."""
        prompt = draw.prompt.prompt_id
        if self.answered or all(prompt != other.prompt.prompt_id for other, _, _ in self.refused):
            return False
        self.postponed.append(draw)
        return True

    def add(self, draw: Draw, seed: int, reason: WorkerError) -> None:
        """Take a refusal."""
        self.refused.append((draw, seed, reason))

    def to_record(self) -> list[tuple[Draw, int, WorkerError]]:
        """The refused draws that are samples now, each once."""
        if not self.answered:
            return []
        taken, self.refused = self.refused, []
        self.counts.update(str(reason) for _, _, reason in taken)
        return taken

    def to_ask(self) -> list[Draw]:
        """The postponed draws, each once.

        Raises:
            WorkerError: nothing was answered, so the refusal is of the server, not of a prompt.
        """
        if not self.answered and self.refused:
            raise self.refused[0][2]
        taken, self.postponed = self.postponed, []
        return taken
