"""What a merge found and did."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

What = Literal["new", "updated", "same", "conflict", "live"]
Kind = Literal["run", "experiment", "journal"]


class MergeConflict(Exception):
    """Something of the other home that is not taken; the message says why."""


class StepsDiffer(MergeConflict):
    """Both homes have a checkpoint of a step, and the adapters are not the same.

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
class Item:
    """A run, launch or experiment of the other home.

    Attributes:
        name: Its id or slug.
        what: new, updated, same, conflict, or live (at work in one of the homes; left out).
        why: For the last two, in words.
        checkpoints: Steps that come over.
        samples: How many come over.
        bytes: How much is copied.
    """

    name: str
    what: What
    why: str = ""
    checkpoints: tuple[int, ...] = ()
    samples: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why something was not taken; for two adapters of a step, their hashes."""

    kind: Kind
    name: str
    why: str
    step: int | None = None
    ours: str | None = None
    theirs: str | None = None

    @classmethod
    def of(cls, kind: Kind, name: str, error: MergeConflict) -> Conflict:
        """What an error says, as a line of the report."""
        if isinstance(error, StepsDiffer):
            return cls(kind, name, str(error), error.step, error.ours, error.theirs)
        return cls(kind, name, str(error))


@dataclass
class Report:
    """What came over, or would.

    Attributes:
        other: The other home.
        dry_run: Whether nothing was written.
        grades: Lines of the journal: people's grades and what takes them back.
        ingested: Whether the database has what came; if not, the next ingest sees to it.
    """

    other: Path
    dry_run: bool
    runs: list[Item] = field(default_factory=list)
    launches: list[Item] = field(default_factory=list)
    grades: int = 0
    experiments: list[Item] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    ingested: bool = True

    @property
    def nothing_new(self) -> bool:
        """Whether everything that can come over is here."""
        items = [*self.runs, *self.launches, *self.experiments]
        return not self.grades and not any(item.what in ("new", "updated") for item in items)
