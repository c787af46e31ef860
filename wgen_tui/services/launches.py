"""The state of a launch, read from its files.

Promises: nothing but the files decides, so every process, after any restart, says the same. A
launch is alive for as long as one of its processes can still write to its log: whoever starts it
takes an flock on worker.log and hands the open file down as stdout, so the lock lives and dies with
the processes themselves and needs no process id.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from wgen_tui.paths import Home, LaunchPaths
from wgen_tui.protocol import DoneRecord, Event, LaunchSpec, RunOutcome

LaunchState = Literal["queued", "starting", "running", "finished", "failed", "cancelled", "lost"]
# A home below a plain file is as good as none.
NOT_THERE = (FileNotFoundError, NotADirectoryError)
LIVE: frozenset[LaunchState] = frozenset({"starting", "running"})
ENDED: frozenset[LaunchState] = frozenset({"finished", "failed", "cancelled", "lost"})


def locked(path: Path) -> bool:
    """Whether another process holds an flock on `path`; False when there is no such file.

    Looking takes a shared lock for a moment; those who take the exclusive one wait that moment out.
    """
    try:
        handle = os.open(path, os.O_RDONLY)
    except NOT_THERE:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def alive(paths: LaunchPaths) -> bool:
    """Whether any process of the launch lives (the second lock: a worker started by hand)."""
    return locked(paths.log) or locked(paths.lock)


@dataclass(slots=True)
class Progress:
    """What the events of a launch say of one run."""

    started_at: datetime | None = None
    ended_at: datetime | None = None
    last: Event | None = None
    outcome: RunOutcome | None = None


@dataclass(slots=True)
class LaunchView:
    """One launch as its files tell it; `refresh` reads only what is new."""

    paths: LaunchPaths
    spec: LaunchSpec
    state: LaunchState = "queued"
    done: DoneRecord | None = None
    ready: bool = False
    message: str = ""
    notes: list[str] = field(default_factory=list)
    started_at: datetime | None = None
    progress: dict[str, Progress] = field(default_factory=dict)
    cancelled_runs: frozenset[str] = frozenset()
    _offset: int = 0

    @property
    def launch_id(self) -> str:
        return self.spec.launch_id

    def refresh(self) -> LaunchView:
        """Read what has changed. A launch that has ended is never read again."""
        if self.state in ENDED:
            return self
        self.cancelled_runs = self._cancelled()
        self.done = read_done(self.paths)
        if self.done is None:
            self.state = self._state_without_done()
        self._read_events()
        if self.done is not None:
            self.state = self.done.outcome
        elif self.state == "running" and not self.ready:
            self.state = "starting"
        return self

    def outcome(self, run_id: str) -> RunOutcome | None:
        """How this launch ended for a run; None while it has not."""
        if self.done is not None:
            return self.done.runs.get(run_id) or RunOutcome(
                outcome=self.done.outcome,
                title=self.done.title,
                message=self.done.message,
                hint=self.done.hint,
            )
        seen = self.progress.get(run_id)
        return seen.outcome if seen else None

    def lets_others_go_on(self) -> bool:
        """Whether what comes after this launch may start: it ended, and some run went well."""
        ends = self.done.runs.values() if self.done else ()
        return any(run.outcome == "finished" for run in ends)

    def last_words(self) -> str:
        """The last line of the log that says something: why a launch was lost."""
        for line in reversed(tail_lines(self.paths.log, 40)):
            if line.strip():
                return line.strip()
        return ""

    def _state_without_done(self) -> LaunchState:
        if not self.paths.started.exists():
            everyone = set(self.spec.run_ids) <= self.cancelled_runs
            return "cancelled" if everyone else "queued"
        if self.started_at is None:
            self.started_at = read_started(self.paths)
        if alive(self.paths):
            return "running"
        # It may have ended between the two looks.
        self.done = read_done(self.paths)
        return "lost"

    def _cancelled(self) -> frozenset[str]:
        try:
            names = {entry.name for entry in os.scandir(self.paths.control)}
        except FileNotFoundError:
            return frozenset()
        if "cancel" in names:
            return frozenset(self.spec.run_ids)
        return frozenset(name.removeprefix("cancel-") for name in names)

    def _read_events(self) -> None:
        lines, self._offset = read_new_lines(self.paths.events, self._offset)
        for line in lines:
            try:
                event = Event.model_validate_json(line)
            except ValidationError:
                continue  # a line torn by a power cut; the next one stands by itself
            self._note(event)

    def _note(self, event: Event) -> None:
        if event.kind == "ready":
            self.ready = True
            self.message = event.message or ""
        if event.kind == "note" and event.message:
            self.notes.append(f"{event.run_id}: {event.message}" if event.run_id else event.message)
        if event.run_id is None:
            return
        seen = self.progress.setdefault(event.run_id, Progress())
        if event.kind == "run_started":
            seen.started_at = event.at
        elif event.kind == "progress":
            seen.last = event
        elif event.kind == "run_done" and event.outcome is not None:
            seen.ended_at = event.at
            seen.outcome = RunOutcome(outcome=event.outcome, message=event.message or "")


class Launches:
    """All launches of a home, by id, oldest first; `refresh` costs only what has changed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._views: dict[str, LaunchView] = {}

    def refresh(self, launch_ids: Iterable[str] | None = None) -> dict[str, LaunchView]:
        """Read again, and return the launches (all, or those named that exist)."""
        names = self._listed() if launch_ids is None else sorted(set(launch_ids))
        found: dict[str, LaunchView] = {}
        for name in names:
            view = self._views.get(name) or self._open(name)
            if view is not None:
                self._views[name] = view
                found[name] = view.refresh()
        return found

    def with_predecessors(self, views: dict[str, LaunchView]) -> dict[str, LaunchView]:
        """`views`, refreshed already, and all launches that they come after."""
        every = dict(views)
        while missing := {name for view in every.values() for name in view.spec.after} - set(every):
            found = self.refresh(missing)
            if not found:
                break
            every |= found
        return every

    def _listed(self) -> list[str]:
        try:
            names = [entry.name for entry in os.scandir(self._home.launches)]
        except NOT_THERE:
            return []
        return sorted(name for name in names if not name.startswith("."))

    def _open(self, name: str) -> LaunchView | None:
        paths = self._home.launch(name)
        try:
            spec = LaunchSpec.model_validate_json(paths.spec.read_bytes())
        except (OSError, ValidationError):
            return None  # removed, or written by another version: not ours to run
        return LaunchView(paths, spec)


def read_done(paths: LaunchPaths) -> DoneRecord | None:
    """How the launch ended, or None."""
    try:
        return DoneRecord.model_validate_json(paths.done.read_bytes())
    except FileNotFoundError:
        return None


def read_started(paths: LaunchPaths) -> datetime | None:
    """When the launch was started."""
    try:
        return datetime.fromisoformat(json.loads(paths.started.read_bytes())["at"])
    except (OSError, ValueError, KeyError):
        return None


def read_new_lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    """The whole lines of `path` from `offset` on, and where the next reading begins."""
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            data = stream.read()
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    return data[:end].splitlines(), offset + end


def tail_lines(path: Path, lines: int) -> list[str]:
    """The last `lines` lines of a file, read from its end; empty when there is none."""
    block = 16_384
    data = b""
    try:
        with path.open("rb") as stream:
            position = stream.seek(0, os.SEEK_END)
            while position > 0 and data.count(b"\n") <= lines:
                step = min(block, position)
                position = stream.seek(position - step)
                data = stream.read(step) + data
                stream.seek(position)
    except FileNotFoundError:
        return []
    # Progress bars rewrite their line with \r: what was shown last counts.
    text = [line.rsplit("\r", 1)[-1] for line in data.decode("utf-8", "replace").split("\n")]
    return [line for line in text if line][-lines:] if lines > 0 else []
