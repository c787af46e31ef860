"""Copy the runs, launches, grades and experiments of another home into this one: `store merge`.

Promises: the other home is only read; what is here is never changed, only added to; everything is
on disk before it gets its name, so a kill at any time leaves a good home, and the same command
completes it; a second merge changes nothing. A run that is live in either home is left out and
named, and so is whatever the homes disagree on.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wgen_tui.errors import BusyError, disk_error
from wgen_tui.paths import Home
from wgen_tui.plain_files import append_plain
from wgen_tui.protocol.record import sync_folder
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.services.merge import incoming_experiments, incoming_launches, incoming_runs
from wgen_tui.services.merge.file_copies import (
    PREFIX,
    FileCopy,
    list_entries,
    publish,
    read_file_if_any,
    stage,
    sweep,
    what_odd,
)
from wgen_tui.services.merge.homes import HomeLaunches, check_other_home, why_live_there
from wgen_tui.services.merge.incoming_experiments import definitions_there
from wgen_tui.services.merge.merge_report import (
    ConflictEntry,
    ConflictKind,
    MergeConflict,
    MergedItem,
    MergeReport,
    MergeStatus,
)
from wgen_tui.services.runs.queue import queue_lock
from wgen_tui.services.runs.runs import launches_of

LaunchChanges = dict[str, tuple[MergeStatus, list[FileCopy]]]
OnRun = Callable[[MergedItem], None]


def merge(
    home: Home, other_root: Path, *, dry_run: bool = False, on_run: OnRun = lambda _: None
) -> MergeReport:
    """Copy what another home has and this one lacks.

    Args:
        home: The home that is added to.
        other_root: The other home's folder; only read.
        dry_run: Only report what would be copied.
        on_run: Called with each run when it is done.

    Raises:
        UsageError: that folder is not a home, a newer version's, or this one; or the disk is full
            or fails: what was copied before is complete, and the same command resumes.
        BusyError: another merge is running here.
    """
    other = check_other_home(home, other_root)
    merging = _Merge(home, other, MergeReport(other.root, dry_run), on_run)
    if dry_run:
        merging.run()
        return merging.report
    home.ensure()
    with _merge_lock(home):
        try:
            sweep(home.runs, home.launches, home.experiments, home.journal)
            merging.run()
        except OSError as error:
            raise disk_error(
                error,
                home.root,
                outcome="What was copied is complete.",
                remedy=f"{disk_error(error).hint} Then run the same command again.",
            ) from error
        finally:
            sweep(home.runs, home.launches, home.experiments, home.journal)
    try:
        merging.report.ingested = ingest_now(home) is not None
    except BusyError:
        merging.report.ingested = False
    return merging.report


@contextmanager
def _merge_lock(home: Home) -> Iterator[None]:
    with append_plain(home.merge_lock) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError("Another merge is running in this home.", title="Busy") from None
        yield


class _Merge:
    """One merge; each step compares and, unless it is a dry run, copies."""

    def __init__(self, home: Home, other: Home, report: MergeReport, tell: OnRun) -> None:
        self.report = report
        self._home = home
        self._other = other
        self._tell = tell
        self._here = HomeLaunches(home)
        self._there = HomeLaunches(other)
        self._launches: dict[str, MergeStatus] = {}

    def run(self) -> None:
        """Merge experiments, runs with their launches, and the journal."""
        for slug in self._names("experiment", self._other.experiments, definitions_there):
            self.report.experiments.append(self._merge_experiment(slug))
        for run_id in self._names("run", self._other.runs, incoming_runs.runs_there):
            item = self._merge_run(run_id)
            self.report.runs.append(item)
            self._tell(item)
        self._merge_journal()
        self.report.launches = [
            MergedItem(name, what) for name, what in sorted(self._launches.items())
        ]

    def _names(
        self, kind: ConflictKind, folder: Path, there: Callable[[Home], list[os.DirEntry[str]]]
    ) -> list[str]:
        """The folders to merge; what is neither a folder nor a plain file is reported."""
        try:
            entries = there(self._other)
        except MergeConflict as error:
            self.report.conflicts.append(ConflictEntry.from_error(kind, folder.name, error))
            return []
        self._report_odd(kind, entries)
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]

    def _report_odd(self, kind: ConflictKind, entries: list[os.DirEntry[str]]) -> None:
        for entry in entries:
            if what := what_odd(entry):
                error = MergeConflict(f"{entry.path} is {what}")
                self.report.conflicts.append(ConflictEntry.from_error(kind, entry.name, error))

    def _merge_experiment(self, slug: str) -> MergedItem:
        try:
            files = incoming_experiments.definition_files(self._home, self._other, slug)
            if files and not self.report.dry_run:
                stage(self._home.experiments / f"{PREFIX}{slug}", files)
                _rename(self._home.experiments / f"{PREFIX}{slug}", self._home.experiments / slug)
            size = sum(file.bytes for file in files)
        except MergeConflict as error:
            self.report.conflicts.append(ConflictEntry.from_error("experiment", slug, error))
            return MergedItem(slug, "conflict", str(error))
        return MergedItem(slug, "new" if files else "same", bytes=size)

    def _merge_run(self, run_id: str) -> MergedItem:
        try:
            if why := self._why_live(run_id):
                return MergedItem(run_id, "live", why)
            incoming = incoming_runs.inspect_run(self._home, self._other, run_id)
            changes = self._launch_changes(incoming)
            size = sum(file.bytes for file in incoming.files)
            if not self.report.dry_run and (why := self._write_run(incoming, changes)):
                return MergedItem(run_id, "live", why)
        except MergeConflict as error:
            self.report.conflicts.append(ConflictEntry.from_error("run", run_id, error))
            return MergedItem(run_id, "conflict", str(error))
        for name, (what, _) in changes.items():
            # One run may have brought a launch that the next names too: the first status counts.
            self._launches.setdefault(name, what)
        updated = incoming.files or any(files for _, files in changes.values())
        status: MergeStatus = "new" if incoming.is_new else "updated" if updated else "same"
        return MergedItem(run_id, status, "", incoming.checkpoints, incoming.samples, size)

    def _why_live(self, run_id: str) -> str:
        """Why a run is left out as live; empty when it is live in neither home."""
        theirs = incoming_runs.paths_there(self._other, run_id)
        names = launches_of(self._home, run_id)
        if (view := self._here.pending_launch(run_id, names)) is not None:
            return f"its {view.spec.stage} launch {view.launch_id} is {view.state} here"
        names = incoming_launches.launch_ids(read_file_if_any(theirs.launches))
        there = (
            theirs.checkpoints,
            theirs.resume,
            theirs.samples,
            theirs.readouts,
            theirs.held_out,
            theirs.verdicts,
        )
        untouched = not any(path.exists() for path in there)
        return why_live_there(self._there, run_id, names, untouched)

    def _launch_changes(self, incoming: incoming_runs.IncomingRun) -> LaunchChanges:
        """What comes over of the launches that served a run, and of those before them."""
        changes: LaunchChanges = {}
        views = self._there.with_predecessors(incoming.launches)
        for name in incoming.launches:
            if name not in views and os.path.lexists(self._other.launch(name).root):
                raise MergeConflict(f"its launch {name} cannot be read by this version")
        for name, view in views.items():
            ours = self._home.launch(name)
            if not ours.root.exists():
                changes[name] = "new", incoming_launches.launch_files(view.paths)
            else:
                files = incoming_launches.changed_files(ours, view.paths)
                changes[name] = "updated" if files else "same", files
        return changes

    def _write_run(self, incoming: incoming_runs.IncomingRun, changes: LaunchChanges) -> str:
        """Write a run and its launches; returns why not, if a launch of it was added meanwhile."""
        staged = self._home.runs / f"{PREFIX}{incoming.run_id}"
        known = launches_of(self._home, incoming.run_id)
        stage(staged, incoming.files)
        # Launches first: a run must never be seen without its launches; a launch without its run is
        # harmless.
        for name, (_, files) in changes.items():
            if files:
                self._write_launch(name, files)
        root = self._home.run(incoming.run_id).root
        with queue_lock(self._home):  # while it is held, no command can commit a launch of the run
            if incoming.is_new == root.exists() or known != launches_of(
                self._home, incoming.run_id
            ):
                return "a launch of it was added here meanwhile"
            if incoming.is_new:
                _rename(staged, root)
            else:
                publish(staged, root, incoming.files)
        return ""

    def _write_launch(self, name: str, files: list[FileCopy]) -> None:
        staged = self._home.launches / f"{PREFIX}{name}"
        stage(staged, files)
        root = self._home.launch(name).root
        if root.exists():
            publish(staged, root, files)
        else:
            _rename(staged, root)

    def _merge_journal(self) -> None:
        try:
            self._report_odd("journal", list_entries(self._other.journal))
            files, self.report.grades = incoming_experiments.journal_files(self._home, self._other)
        except MergeConflict as error:
            self.report.conflicts.append(
                ConflictEntry.from_error("journal", self._other.journal.name, error)
            )
            return
        if files and not self.report.dry_run:
            staged = self._home.journal / f"{PREFIX}journal"
            stage(staged, files)
            publish(staged, self._home.journal, files)


def _rename(staged: Path, place: Path) -> None:
    staged.rename(place)
    sync_folder(place.parent)
