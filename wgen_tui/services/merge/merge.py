"""Bring runs, launches, grades and experiments of another home here: `store merge`.

Promises: the other home is only read; what is here is never changed, only added to; everything is
on disk before it gets its name, so a kill at any moment leaves a good home, and the same command
completes it; twice is once. A run that is at work in either home is left out and named, and so is
whatever the homes disagree on.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wgen_tui.errors import BusyError, UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.record import sync_folder
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.services.merge import incoming_experiments, incoming_runs
from wgen_tui.services.merge import incoming_launches as lanes
from wgen_tui.services.merge.file_copies import (
    PREFIX,
    FileCopy,
    content_if_there,
    publish,
    stage,
    sweep,
)
from wgen_tui.services.merge.merge_report import Conflict, Item, Kind, MergeConflict, Report, What
from wgen_tui.services.runs.queue import queue_lock
from wgen_tui.services.runs.runs import launches_of

__all__ = ["Report", "merge"]

Tell = Callable[[Item], None]


def merge(
    home: Home, other_root: Path, *, dry_run: bool = False, tell: Tell = lambda _: None
) -> Report:
    """Bring what another home has, and this one has not.

    Args:
        home: Where it comes.
        other_root: The other home's folder; only read.
        dry_run: Only say what would come.
        tell: Told of each run when it is done.

    Raises:
        UsageError: that folder is no home, a newer version's, or this one; or the disk is full or
            refuses: what came before that is whole, and the same command goes on.
        BusyError: another merge is at work here.
    """
    other = _checked(home, other_root)
    merging = _Merge(home, other, Report(other.root, dry_run), tell)
    if dry_run:
        merging.everything()
        return merging.report
    home.ensure()
    with _alone(home):
        try:
            sweep(home.runs, home.launches, home.experiments, home.journal)
            merging.everything()
        except OSError as error:
            raise UsageError(
                f"{error.filename or home.root}: {error.strerror}.",
                title="The disk refuses",
                hint="What came over before that is whole. Make room; the same command goes on.",
            ) from error
        finally:
            sweep(home.runs, home.launches, home.experiments, home.journal)
    try:
        merging.report.ingested = ingest_now(home) is not None
    except BusyError:
        merging.report.ingested = False
    return merging.report


def _checked(home: Home, root: Path) -> Home:
    """The other home, if it can be merged.

    Raises:
        UsageError: it cannot.
    """
    try:
        # The folder itself may be reached by a link; below it none is followed.
        other = Home(root.expanduser().resolve())
        there = other.root.is_dir()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{root} cannot be a folder: {error}.", title="Not a home") from error
    if not there:
        raise UsageError(f"There is no folder {root}.", title="Not a home")
    if home.root.exists() and home.root.samefile(other.root):
        raise UsageError(f"{root} is this home itself.", title="The same home")
    if not other.marker.is_file():
        raise UsageError(
            f"{root} is not a home of wgen-tui: there is no {other.marker.name} in it.",
            title="Not a home",
            hint="Give the folder that --home or WGEN_HOME names on the other box.",
        )
    other.check_format()
    return other


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    with home.merge_lock.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("Another merge is at work in this home.", title="Busy") from None
        yield


class _Merge:
    """One merge; every step looks and, unless it is a dry run, does."""

    def __init__(self, home: Home, other: Home, report: Report, tell: Tell) -> None:
        self.report = report
        self._home = home
        self._other = other
        self._tell = tell
        self._here = lanes.HomeLaunches(home)
        self._there = lanes.HomeLaunches(other)
        self._launches: dict[str, What] = {}

    def everything(self) -> None:
        """Experiments, runs with their launches, and the journal."""
        for slug in self._listed("experiment", self._other.experiments, incoming_experiments.slugs):
            self.report.experiments.append(self._experiment(slug))
        for run_id in self._listed("run", self._other.runs, incoming_runs.names):
            item = self._run(run_id)
            self.report.runs.append(item)
            self._tell(item)
        self._journal()
        self.report.launches = [Item(name, what) for name, what in sorted(self._launches.items())]

    def _listed(self, kind: Kind, folder: Path, names: Callable[[Home], list[str]]) -> list[str]:
        try:
            return names(self._other)
        except MergeConflict as error:
            self.report.conflicts.append(Conflict.of(kind, folder.name, error))
            return []

    def _experiment(self, slug: str) -> Item:
        try:
            pieces = incoming_experiments.definition(self._home, self._other, slug)
            if pieces and not self.report.dry_run:
                stage(self._home.experiments / f"{PREFIX}{slug}", pieces)
                _rename(self._home.experiments / f"{PREFIX}{slug}", self._home.experiments / slug)
        except MergeConflict as error:
            self.report.conflicts.append(Conflict.of("experiment", slug, error))
            return Item(slug, "conflict", str(error))
        size = sum(piece.bytes for piece in pieces)
        return Item(slug, "new" if pieces else "same", bytes=size)

    def _run(self, run_id: str) -> Item:
        try:
            if why := self._live(run_id):
                return Item(run_id, "live", why)
            coming = incoming_runs.inspect_run(self._home, self._other, run_id)
            changes = self._changes(coming)
            if not self.report.dry_run and (why := self._bring(coming, changes)):
                return Item(run_id, "live", why)
        except MergeConflict as error:
            self.report.conflicts.append(Conflict.of("run", run_id, error))
            return Item(run_id, "conflict", str(error))
        for name, (what, _) in changes.items():
            # A launch that one run has brought is there already for the next.
            self._launches.setdefault(name, what)
        updated = coming.pieces or any(pieces for _, pieces in changes.values())
        size = sum(piece.bytes for piece in coming.pieces)
        found: What = "new" if coming.fresh else "updated" if updated else "same"
        return Item(run_id, found, "", coming.checkpoints, coming.samples, size)

    def _live(self, run_id: str) -> str:
        """Why a run is left out; empty when it is at rest in both homes."""
        theirs = incoming_runs.paths_there(self._other, run_id)
        names = launches_of(self._home, run_id)
        if (view := self._here.under_way(run_id, names)) is not None:
            return f"its {view.spec.stage} launch {view.launch_id} is {view.state} here"
        names = lanes.launch_ids(content_if_there(theirs.launches))
        there = (theirs.checkpoints, theirs.resume, theirs.samples, theirs.readouts)
        untouched = not any(path.exists() for path in there)
        return lanes.at_work_there(self._there, run_id, names, untouched)

    def _changes(self, coming: incoming_runs.IncomingRun) -> dict[str, tuple[What, list[FileCopy]]]:
        """What of the launches that served a run, and of those before them, comes over."""
        found: dict[str, tuple[What, list[FileCopy]]] = {}
        views = self._there.with_predecessors(coming.launches)
        for name in coming.launches:
            if name not in views and os.path.lexists(self._other.launch(name).root):
                raise MergeConflict(f"its launch {name} is not of this version")
        for name, view in views.items():
            ours = self._home.launch(name)
            if not ours.root.exists():
                found[name] = "new", lanes.pieces_of(view.paths)
            else:
                pieces = lanes.changed(ours, view.paths)
                found[name] = "updated" if pieces else "same", pieces
        return found

    def _bring(
        self, coming: incoming_runs.IncomingRun, changes: dict[str, tuple[What, list[FileCopy]]]
    ) -> str:
        """Write a run and its launches; returns why not, if the run has come to life meanwhile."""
        staged = self._home.runs / f"{PREFIX}{coming.run_id}"
        known = launches_of(self._home, coming.run_id)
        stage(staged, coming.pieces)
        # Launches first: a run that is seen has its launches, and one without runs does nothing.
        for name, (_, pieces) in changes.items():
            if pieces:
                self._bring_launch(name, pieces)
        root = self._home.run(coming.run_id).root
        with queue_lock(self._home):  # no command commits a launch of it now
            if coming.fresh == root.exists() or known != launches_of(self._home, coming.run_id):
                return "it has come to life here meanwhile"
            if coming.fresh:
                _rename(staged, root)
            else:
                publish(staged, root, coming.pieces)
        return ""

    def _bring_launch(self, name: str, pieces: list[FileCopy]) -> None:
        staged = self._home.launches / f"{PREFIX}{name}"
        stage(staged, pieces)
        root = self._home.launch(name).root
        if root.exists():
            publish(staged, root, pieces)
        else:
            _rename(staged, root)

    def _journal(self) -> None:
        try:
            pieces, self.report.grades = incoming_experiments.journal(self._home, self._other)
        except MergeConflict as error:
            self.report.conflicts.append(Conflict.of("journal", self._other.journal.name, error))
            return
        if pieces and not self.report.dry_run:
            staged = self._home.journal / f"{PREFIX}journal"
            stage(staged, pieces)
            publish(staged, self._home.journal, pieces)


def _rename(staged: Path, place: Path) -> None:
    staged.rename(place)
    sync_folder(place.parent)
