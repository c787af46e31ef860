"""What a launch says of itself and of its runs: events.jsonl, read as it grows.

Promises: a line is read once; what an earlier attempt said of a run that it did not finish is
forgotten when the next begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from wgen_tui.plain_files import why_not
from wgen_tui.protocol.launches import Event, RunOutcome
from wgen_tui.run_files.tail import read_new_lines


@dataclass(slots=True)
class Progress:
    """What the events of a launch say of one run."""

    started_at: datetime | None = None
    ended_at: datetime | None = None
    last: Event | None = None
    outcome: RunOutcome | None = None


@dataclass(slots=True)
class LaunchEvents:
    """The events of one launch, as far as they have been read.

    Attributes:
        path: events.jsonl.
        ready: Whether the present attempt's worker has loaded what it needs.
        ready_message: On what: dtype, attention and the reason.
        notes: What people should know, oldest first.
        progress: Of each run in the present attempt.
        furthest: How far each run has come in any attempt.
    """

    path: Path
    ready: bool = False
    ready_message: str = ""
    notes: list[str] = field(default_factory=list)
    progress: dict[str, Progress] = field(default_factory=dict)
    furthest: dict[str, int] = field(default_factory=dict)
    _offset: int = 0
    _attempt: int = 1  # the one that the last event read belongs to

    def read(self, attempt: int) -> None:
        """Read what is new; `attempt` is the present one, whether or not it has said so yet."""
        try:
            lines, self._offset = read_new_lines(self.path, self._offset)
        except OSError as error:
            lines = []
            said = f"{self.path} cannot be read: {why_not(error)}"
            self.notes += [] if said in self.notes else [said]
        for line in lines:
            try:
                event = Event.model_validate_json(line)
            except ValidationError:
                continue  # a line torn by a power cut; the next one stands by itself
            self._apply(event)
        if self._attempt < attempt:
            self._begin_attempt(attempt)

    def outcomes(self) -> dict[str, RunOutcome]:
        """How runs ended, of those that have."""
        return {run: seen.outcome for run, seen in self.progress.items() if seen.outcome}

    def _begin_attempt(self, number: int) -> None:
        self._attempt = number
        self.ready = False
        for run_id, seen in self.progress.items():
            if seen.outcome is None or seen.outcome.outcome != "finished":
                self.progress[run_id] = Progress()

    def _apply(self, event: Event) -> None:
        if event.kind == "ready":
            self.ready = True
            self.ready_message = event.message or ""
        if event.kind == "note" and event.message:
            self.notes.append(f"{event.run_id}: {event.message}" if event.run_id else event.message)
        if event.kind == "attempt" and event.done is not None:
            self._begin_attempt(event.done)
            self.notes.append(f"attempt {event.done}: {event.message}")
        if event.run_id is None:
            return
        seen = self.progress.setdefault(event.run_id, Progress())
        if event.kind == "run_started":
            seen.started_at = event.at
        elif event.kind == "progress":
            seen.last = event
            self.furthest[event.run_id] = max(event.done or 0, self.furthest.get(event.run_id, 0))
        elif event.kind == "run_done" and event.outcome is not None:
            seen.ended_at = event.at
            seen.outcome = RunOutcome(
                outcome=event.outcome, message=event.message or "", failed_at=event.failed_at
            )
