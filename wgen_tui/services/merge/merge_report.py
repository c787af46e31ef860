"""The report of a merge: what was copied, and what was refused and why.

Promises: plain data; every refusal has its reason in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

MergeStatus = Literal["new", "updated", "same", "conflict", "live"]
ConflictKind = Literal["run", "experiment", "journal"]


class MergeConflict(Exception):
    """Something of the other home is refused; the message says why."""


class StepsDiffer(MergeConflict):
    """Both homes have a checkpoint of a step, and the adapters differ.

    Attributes:
        step: The step.
        ours: The SHA-256 of the adapter here, as its manifest has it.
        theirs: The one there.
    """

    def __init__(self, step: int, ours: str, theirs: str) -> None:
        super().__init__(
            f"the adapters of step {step} differ: {ours[:12]} here, {theirs[:12]} there"
        )
        self.step = step
        self.ours = ours
        self.theirs = theirs


@dataclass(frozen=True, slots=True)
class MergedItem:
    """A run, launch or experiment of the other home.

    Attributes:
        name: Its id or slug.
        status: new, updated, same, conflict, or live (running in one of the homes; left out).
        why: The reason for the last two, in words.
        checkpoints: The steps that are copied.
        samples: How many are copied.
        bytes: How much is copied.
    """

    name: str
    status: MergeStatus
    why: str = ""
    checkpoints: tuple[int, ...] = ()
    samples: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class ConflictEntry:
    """Why something was refused; for two adapters of a step, their hashes."""

    kind: ConflictKind
    name: str
    why: str
    step: int | None = None
    ours: str | None = None
    theirs: str | None = None

    @classmethod
    def from_error(cls, kind: ConflictKind, name: str, error: MergeConflict) -> ConflictEntry:
        """An error as a line of the report."""
        if isinstance(error, StepsDiffer):
            return cls(kind, name, str(error), error.step, error.ours, error.theirs)
        return cls(kind, name, str(error))


@dataclass
class MergeReport:
    """What was copied, or would be.

    Attributes:
        other: The other home.
        dry_run: Whether nothing was written.
        grades: Lines of the journal: people's grades, tags and notes, and what took some back.
        ingested: Whether the database has it all; if not, the next ingest adds it.
    """

    other: Path
    dry_run: bool
    runs: list[MergedItem] = field(default_factory=list)
    launches: list[MergedItem] = field(default_factory=list)
    grades: int = 0
    experiments: list[MergedItem] = field(default_factory=list)
    conflicts: list[ConflictEntry] = field(default_factory=list)
    ingested: bool = True

    @property
    def nothing_new(self) -> bool:
        """Whether there was nothing to copy."""
        items = [*self.runs, *self.launches, *self.experiments]
        return not self.grades and not any(item.status in ("new", "updated") for item in items)
