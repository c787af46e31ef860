"""Runs: listing them with their state, their metrics and log, cancelling and removing them.

Promises: the state of a run is a function of its own and its launches' files; asking writes nothing
and needs no server. `remove` never touches a live run.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from pydantic import ValidationError

from experiments.seen_files import SeenFiles, Stamp, stamp
from wgen_tui.errors import BusyError, UsageError
from wgen_tui.paths import Home, checked_id
from wgen_tui.protocol.launches import ENDED_STATES, WORKING_STATES
from wgen_tui.protocol.record import Unreadable, sync_folder
from wgen_tui.protocol.runs import MetricRow, RunSpec
from wgen_tui.run_files.manifests import FinalCheckpoints
from wgen_tui.run_files.run_folders import (
    RunFolders,
    launches_of,
    load_launches,
    load_spec,
    no_runs,
    read_spec,
    run_names,
)
from wgen_tui.run_files.tail import read_new_lines, tail_lines
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.services.runs import queue
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.run_state import RunStatus, status_of
from wgen_tui.services.runs.wait_reasons import WaitReasons
from wgen_tui.services.suggest import unknown

__all__ = [
    "MetricsReader",
    "RunList",
    "cancel",
    "detail_files",
    "get_run",
    "get_spec",
    "launches_here",
    "launches_of",
    "list_runs",
    "metrics",
    "read_spec",
    "remove",
    "run_names",
    "runs_of",
    "short_names",
    "tail",
    "unreadable_runs",
]


@dataclass(slots=True)
class _Known:
    """What has been read of a run: its spec, its launches, and its state once it has ended."""

    spec: RunSpec
    launches: list[str]
    stamp: Stamp | None
    trouble: str = ""  # with the list of launches
    ended: RunStatus | None = None


class RunList:
    """All runs of a home; a refresh costs only what has changed. Not for several threads.

    A run that has ended costs a stat of its list of launches, or nothing while the folders of runs
    and launches stand as they stood.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._folders = RunFolders(home)
        self.launches = Launches(home)
        self._known: dict[str, _Known] = {}
        self._views: dict[str, LaunchView] = {}
        self._waits = WaitReasons(home)
        self._finals = FinalCheckpoints()
        self._unreadable: dict[str, str] = {}

    @property
    def unreadable(self) -> dict[str, str]:
        """What cannot be read as a run, of what was last asked for, and why, by name."""
        return dict(self._unreadable)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of the workers of the runs last asked for, oldest first."""
        return tuple(
            note for name in sorted(self._views) for note in self._views[name].events.notes
        )

    def refresh(
        self, experiment: str | None = None, run_ids: Iterable[str] | None = None
    ) -> list[RunStatus]:
        """The runs as they are now: by experiment and model, base first, then arm and seed."""
        still = run_ids is None and self._folders.refresh()
        self._unreadable = dict(self._folders.odd) if run_ids is None else {}
        names = self._folders.names if run_ids is None else list(run_ids)
        runs = [known for name in names if (known := self._read(name, still=still)) is not None]
        runs = [known for known in runs if experiment in (None, known.spec.experiment)]
        views = self.launches.refresh({name for known in runs for name in known.launches})
        self._views = views
        views = self.launches.with_predecessors(views)
        self._waits.refresh()
        statuses = [known.ended or self._status(known, views) for known in runs]
        return sorted(
            statuses,
            key=lambda r: (r.experiment, r.model, r.role != "base", r.arm, r.seed, r.run_id),
        )

    def _status(self, known: _Known, views: Mapping[str, LaunchView]) -> RunStatus:
        own = [views[name] for name in known.launches if name in views]
        status = status_of(self._home, known.spec, own, views, self._waits, self._finals)
        last = known.launches[-1] if known.launches else ""
        trouble = known.trouble or self.launches.unreadable.get(last, "")
        if trouble and status.state not in WORKING_STATES:
            return status.model_copy(update={"state": "lost", "why": trouble})
        over = own and len(own) == len(known.launches) and status.state in ENDED_STATES
        if over and all(view.state in ENDED_STATES for view in own):
            known.ended = status  # no launch that has ended is read again
        return status

    def _read(self, run_id: str, *, still: bool) -> _Known | None:
        known = self._known.get(run_id)
        if still and known is not None and known.ended is not None:
            return known
        paths = self._home.run(run_id)
        now = stamp(paths.launches)
        if known is not None and now is not None and now == known.stamp:
            return known
        try:
            spec = known.spec if known is not None else load_spec(self._home, run_id)
        except Unreadable as error:
            self._unreadable[run_id] = str(error)
            return None
        if spec is None or not paths.spec.exists():
            return None
        trouble = ""
        try:
            launches = load_launches(self._home, run_id)
        except Unreadable as error:
            launches, trouble = launches_of(self._home, run_id), str(error)
        self._known[run_id] = _Known(spec, launches, now, trouble)
        return self._known[run_id]


_run_lists: dict[Path, RunList] = {}
_run_lists_lock = Lock()


def runs_of(home: Home, experiment: str | None) -> list[RunStatus]:
    """All runs, or those of one experiment, which must exist.

    Raises:
        UsageError: there is neither such a definition nor a run of it; the nearest is named.
    """
    runs = list_runs(home, experiment)
    if experiment is not None and not runs:
        # Reading every definition is for the rare case.
        from wgen_tui.services.experiments import listing  # noqa: PLC0415

        known = [info.slug for info in listing.list_experiments(home)]
        known += [run.experiment for run in list_runs(home)]
        if experiment not in known:
            raise unknown("experiment", experiment, dict.fromkeys(known))
    return runs


def list_runs(home: Home, experiment: str | None = None) -> list[RunStatus]:
    """All runs, or those of one experiment; from any thread.

    A screen asks every second: what has ended is read once in a process, not once a call.
    """
    with _run_lists_lock:
        return _run_lists.setdefault(home.root, RunList(home)).refresh(experiment)


@contextmanager
def launches_here(home: Home) -> Iterator[Launches]:
    """The launches of a home that `list_runs` has read; nobody else asks of them meanwhile."""
    with _run_lists_lock:
        yield _run_lists.setdefault(home.root, RunList(home)).launches


def unreadable_runs(home: Home, experiment: str | None = None) -> list[str]:
    """What lies between the runs and cannot be read as one, and why: one line for each.

    Args:
        home: The home.
        experiment: Only what its name gives to this experiment.
    """
    list_runs(home)
    with _run_lists_lock:
        unreadable = _run_lists[home.root].unreadable
    start = f"{experiment}-" if experiment else ""
    return [f"{why}." for name, why in unreadable.items() if name.startswith(start) or not name]


def get_run(home: Home, name: str) -> RunStatus:
    """One run, by its id or by the hash at the end of it.

    Raises:
        UsageError: there is no such run, or several end like that.
    """
    ends = ids_named(home, name)
    runs = RunList(home).refresh(run_ids=ends)
    if len(runs) > 1:
        raise UsageError(
            f"{len(runs)} runs end in {name!r}: {', '.join(ends[:3])}.",
            title="Which run?",
            hint="Give the whole id.",
        )
    if not runs:
        _refuse_unreadable(home, name, ends)
        raise unknown("run", name, run_names(home), hint="`wgen-tui run list` shows all.")
    return runs[0]


def ids_named(home: Home, name: str) -> list[str]:
    """The runs that a name means: the one of that id, else those whose ids end in it.

    Raises:
        UsageError: it cannot be the name of a run.
    """
    checked_id(name)
    names = run_names(home)
    return [name] if name in names else [item for item in names if item.endswith(f"-{name}")]


def _refuse_unreadable(home: Home, name: str, ends: Iterable[str]) -> None:
    """Say what is wrong with a run that is there.

    Raises:
        UsageError: it cannot be read.
    """
    hint = "Put it right, or move it away: `wgen-tui run start` makes the run anew."
    why = no_runs(home).get(name, "")
    for run_id in ends:
        try:
            load_spec(home, run_id)
        except Unreadable as error:
            why = str(error)
    if why:
        raise UsageError(f"{why}.", title="Unreadable run", hint=hint)


def get_spec(home: Home, name: str) -> RunSpec:
    """The spec of one run, by its id or by the hash at the end of it.

    Raises:
        UsageError: as for `get_run`.
    """
    spec = read_spec(home, get_run(home, name).run_id)
    if spec is None:  # removed just now
        raise unknown("run", name, run_names(home), hint="`wgen-tui run list` shows all.")
    return spec


def short_names(run_ids: Iterable[str]) -> dict[str, str]:
    """The hash at the end of each id where it is unique among them, else the id."""
    ids = list(run_ids)
    ends = Counter(item.rpartition("-")[2] for item in ids)
    return {item: end if ends[end := item.rpartition("-")[2]] == 1 else item for item in ids}


def cancel(home: Home, name: str) -> list[str]:
    """Cancel a run: what is running finishes its step and stops, what is queued never starts.

    Returns:
        The launches that were told.

    Raises:
        UsageError: there is no such run, or it is not live.
    """
    status = get_run(home, name)
    run_id = status.run_id
    if not status.live:
        raise UsageError(
            f"Run {run_id} is {status.state}; there is nothing to cancel.", title="Not running"
        )
    return queue.signal_run(home, Launches(home), launches_of(home, run_id), run_id, "cancel")


def remove(home: Home, *names: str) -> None:
    """Delete runs: checkpoints, samples, rule grades, and launches that served no other run.

    Grades by people stay in the journal.

    Raises:
        UsageError: there is no such run, or one is live; nothing was removed.
    """
    chosen = [get_run(home, name) for name in names]
    for status in chosen:
        if status.live:
            raise UsageError(
                f"Run {status.run_id} is {status.state}; nothing was removed.",
                title="Run is live",
                hint=f"First: wgen-tui run cancel {status.run_id}",
            )
    run_ids = [status.run_id for status in chosen]
    served = {name for run_id in run_ids for name in launches_of(home, run_id)}
    for run_id in run_ids:
        folder = home.run(run_id).root
        # The new name, which no list shows, takes it out at once; deleting takes its time.
        gone = folder.with_name(f".removed-{os.getpid()}-{run_id}")
        folder.rename(gone)
        sync_folder(folder.parent)
        shutil.rmtree(gone)
    left = set(run_names(home))
    for view in Launches(home).refresh(served).values():
        if not left & set(view.spec.run_ids):
            shutil.rmtree(view.paths.root)
    if home.database.exists():
        # While another program holds the database, the next ingest forgets the rows.
        with suppress(BusyError):
            ingest_now(home)


def metrics(home: Home, run_id: str) -> list[MetricRow]:
    """The metrics of a run by step, ascending; of a step written twice the newer line counts."""
    return MetricsReader(home).read(run_id)


class MetricsReader:
    """The metrics of the run asked for last, read as they grow. Not for several threads."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._read: tuple[str, int] | None = None  # the run, and the inode of its file
        self._offset = 0
        self._rows: dict[int, MetricRow] = {}

    def read(self, run_id: str) -> list[MetricRow]:
        """As `metrics`; asking again for the same run reads what is new."""
        path = self._home.run(run_id).metrics
        now = stamp(path)
        if now is None or self._read != (run_id, now[2]) or now[0] < self._offset:
            self._read, self._offset, self._rows = (run_id, now[2] if now else 0), 0, {}
        lines, self._offset = read_new_lines(path, self._offset) if now else ([], 0)
        for line in lines:
            try:
                row = MetricRow.model_validate_json(line)
            except ValidationError:
                continue  # torn by a power cut; the step is repeated further on
            self._rows[row.step] = row
        return [self._rows[step] for step in sorted(self._rows)]


def detail_files(home: Home, run_id: str) -> SeenFiles:
    """What stands of the files that a run's metrics, log and provenance are read from."""
    files, paths = SeenFiles(), home.run(run_id)
    for path in (paths.root, paths.launches, paths.metrics, paths.checkpoints):
        files.note(path)
    for name in launches_of(home, run_id):
        files.note(home.launch(name).log)
    return files


def tail(home: Home, run_id: str, lines: int = 40) -> list[str]:
    """The last lines that the newest started worker of this run wrote."""
    for name in reversed(launches_of(home, run_id)):
        if last := tail_lines(home.launch(name).log, lines):
            return last
    return []
