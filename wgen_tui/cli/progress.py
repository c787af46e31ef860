"""Narrate runs on stderr: bars on a terminal, one line per change in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from wgen_tui.cli.output import say
from wgen_tui.protocol.launches import STAGES, Stage
from wgen_tui.services.control.watch import Snapshot
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.terminal_text import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

DOING: dict[Stage, str] = {"train": "train", "sample": "sample", "judge": "grade"}


class Narrator(Protocol):
    """Shows snapshots while they come."""

    def display(self) -> AbstractContextManager[object]: ...

    def show(self, snapshot: Snapshot) -> None: ...


def narrator() -> Narrator:
    """The narrator that suits stderr."""
    return Bars() if sys.stderr.isatty() else Lines()


def follow(snapshots: Iterable[Snapshot]) -> Snapshot:
    """Show snapshots until they end; return the last."""
    shown = narrator()
    last = Snapshot(())
    with shown.display():
        for last in snapshots:
            shown.show(last)
    for run in last.failed:
        say(f"{label(run)} {run.state}: {run.why or 'no reason given'}")
        if run.state != "cancelled":
            say(f"  wgen-tui run logs {run.run_id}")
    for run in last.unplanned:
        say(f"{label(run)} has no launch, so nothing works for it. To make one:")
        say(f"  wgen-tui run start {run.experiment}")
    return last


@contextmanager
def only_watching() -> Iterator[None]:
    """Say, when ctrl+c ends what is inside, that it ends nothing else."""
    try:
        yield
    except KeyboardInterrupt:
        say("\nStopped watching; the work goes on. `wgen-tui run watch` follows it,")
        say("`wgen-tui run cancel` stops it.")
        raise


def label(run: RunStatus) -> str:
    """A run in a few words."""
    return run.arm if run.role == "base" else f"{run.arm}, seed {run.seed}"


def detail(run: RunStatus) -> str:
    """How far a run is, how fast, and how long it takes."""
    parts = []
    if run.total:
        parts.append(f"{run.done:,}/{run.total:,} {run.unit}")
    if run.rate:
        parts.append(f"{run.rate:.3g} {run.unit}/s")
    if run.loss is not None and run.stage == "train":
        parts.append(f"loss {run.loss:.3f}")
    if run.eta_seconds is not None and run.state == "running":
        parts.append(f"ETA {clock(run.eta_seconds)}")
    if run.aside:
        parts.append(run.aside)
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Lines:
    """One line whenever a run's stage or state changes."""

    def __init__(self, write: Callable[[str], None] = say) -> None:
        self._write = write
        self._seen: dict[str, RunStatus] = {}
        self._told: set[str] = set()
        self._notes = 0

    def display(self) -> AbstractContextManager[object]:
        return nullcontext()

    def show(self, snapshot: Snapshot) -> None:
        for note in snapshot.notes[self._notes :]:
            self._write(f"Note: {note}")
        self._notes = len(snapshot.notes)
        changed = [
            (before, run)
            for run in snapshot.runs
            if (before := self._seen.get(run.run_id)) is None
            or (before.state, before.stage) != (run.state, run.stage)
        ]
        for before, run in changed:
            self._end(before, run)
        for _, run in changed:
            self._begin(run)
        self._seen = {run.run_id: run for run in snapshot.runs}

    def _end(self, before: RunStatus | None, run: RunStatus) -> None:
        if before is None:
            return
        if before.state == "running" and before.stage != run.stage:
            self._write(f"{label(run)}: {before.stage} done {_ended(run, before)}".rstrip())
        if not run.live:
            self._write(f"{label(run)}: {run.state}")

    def _begin(self, run: RunStatus) -> None:
        if run.state != "running":
            return
        if run.why and (run.launch_id or "") not in self._told:
            self._told.add(run.launch_id or "")
            self._write(f"{run.stage}: {run.why}")
        self._write(f"{label(run)}: {run.stage}")


def _ended(run: RunStatus, before: RunStatus) -> str:
    if before.stage == "train" and run.steps:
        loss = "" if run.loss is None else f", loss {run.loss:.3f}"
        return f"({run.steps} steps{loss})"
    return f"({before.total} {before.unit})" if before.total else ""


class Bars:
    """One bar per stage that is worked on, with the run at work beside it."""

    def __init__(self) -> None:
        self._progress = self._make()
        self._tasks: dict[Stage, TaskID] = {}
        self._told: set[str] = set()
        self._notes = 0

    def _make(self) -> Progress:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        return Progress(
            TextColumn("{task.description:<6}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[ended]}/{task.fields[runs]} runs"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=Console(stderr=True),
            refresh_per_second=5,
        )

    def display(self) -> AbstractContextManager[object]:
        return self._progress

    def show(self, snapshot: Snapshot) -> None:
        for note in snapshot.notes[self._notes :]:
            self._print(f"Note: {note}")
        self._notes = len(snapshot.notes)
        for stage in STAGES:
            members = [run for run in snapshot.runs if stage != "train" or run.steps != 0]
            here = [run for run in members if run.stage == stage and run.live]
            if not here and stage not in self._tasks:
                continue
            if stage not in self._tasks and not any(run.state != "queued" for run in here):
                continue
            self._update(stage, members, here)

    def _print(self, text: str) -> None:
        self._progress.console.print(printable(text), markup=False, highlight=False)

    def _update(self, stage: Stage, members: list[RunStatus], here: list[RunStatus]) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(
                DOING[stage], total=len(members), ended=0, runs=len(members), detail=""
            )
        now = next((run for run in here if run.state in ("running", "starting")), None)
        if now and now.state == "running" and now.why and (now.launch_id or "") not in self._told:
            self._told.add(now.launch_id or "")
            self._print(now.why)
        part = sum((run.done or 0) / run.total for run in here if run.total)
        ended = len(members) - len(here)
        text = ""
        if now is not None:
            text = (
                "loading the model" if now.state == "starting" else f"{label(now)}: {detail(now)}"
            )
        shown = printable(text, keep_newlines=False)
        self._progress.update(self._tasks[stage], completed=ended + part, ended=ended, detail=shown)
