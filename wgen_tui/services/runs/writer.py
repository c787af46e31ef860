"""Write runs and launches to a home: all of them, or none.

Promises: everything is first written beside its place and then renamed into it; when the disk
refuses half way, what was written is taken back.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from wgen_tui.errors import disk_error
from wgen_tui.paths import Home
from wgen_tui.plain_files import append_plain
from wgen_tui.protocol.launches import LaunchSpec, Stage
from wgen_tui.protocol.record import sync_folder, write_durably, write_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.data.ingest import rereading_specs
from wgen_tui.services.experiments.arm_examples import RunFiles
from wgen_tui.services.runs.queue import queue_lock
from wgen_tui.services.runs.runs import read_spec

Data = Callable[[], Iterable[bytes]]


def add_launches(home: Home, launches: Sequence[LaunchSpec]) -> None:
    """Write launches of runs that are on disk, or none of them.

    Raises:
        UsageError: the home cannot be written or is full.
    """
    if not launches:
        return
    with queue_lock(home):
        write_atomically(home, (), launches)


def write_atomically(
    home: Home, runs: Sequence[tuple[RunSpec, Data]], launches: Sequence[LaunchSpec]
) -> None:
    """Write runs and launches, or nothing; the caller holds `queue_lock`.

    Args:
        home: Where they go.
        runs: Each spec with what gives its data.jsonl; a run that is there keeps its data.
        launches: In order; each names runs that are on disk, or are among `runs`.

    Raises:
        UsageError: the home cannot be written or is full; nothing was kept.
    """
    written = _Written()
    try:
        _write(home, runs, launches, written)
    except OSError as error:
        written.take_back()
        raise disk_error(error, home.root, outcome="Nothing was started.") from error
    except BaseException:
        written.take_back()
        raise


@dataclass(slots=True)
class _Written:
    """What a commit has put on disk so far."""

    folders: list[Path] = field(default_factory=list)
    grown: list[tuple[Path, int]] = field(default_factory=list)

    def take_back(self) -> None:
        for path, size in self.grown:
            os.truncate(path, size)
        for folder in reversed(self.folders):
            shutil.rmtree(folder, ignore_errors=True)


def _write(
    home: Home,
    runs: Sequence[tuple[RunSpec, Data]],
    launches: Sequence[LaunchSpec],
    written: _Written,
) -> None:
    moved = [s for s, _ in runs if (here := read_spec(home, s.run_id)) is not None and here != s]
    with rereading_specs(home, [spec.run_id for spec in moved]):
        for spec in moved:  # the model is elsewhere by now
            write_record(home.run(spec.run_id).spec, spec)
    places = [(_stage_launch(home, launch, written), launch.launch_id) for launch in launches]
    fresh: list[tuple[Path, str | None, str]] = []
    planned = {spec.run_id for spec, _ in runs}
    for run_id in dict.fromkeys(name for launch in launches for name in launch.run_ids):
        if run_id not in planned:
            _append(home.run(run_id).launches, _launch_lines(launches, run_id), written)
    for spec, data in runs:
        lines = _launch_lines(launches, spec.run_id)
        paths = home.run(spec.run_id)
        if paths.spec.exists():
            _append(paths.launches, lines, written)
        else:
            # Seeds of an arm have the same data: it is made once.
            sha256 = spec.data_sha256
            same = next((where for where, sha, _ in fresh if sha256 and sha == sha256), None)
            pieces = data() if same is None else _pieces(same / "data.jsonl")
            temporary = _stage_run(home, spec, pieces, lines, written)
            for name, more in data.more.items() if isinstance(data, RunFiles) else ():
                write_durably(temporary / name, more())
            fresh.append((temporary, spec.data_sha256, spec.run_id))
    # Runs first: a launch that is to be seen names only runs that are.
    for temporary, _, run_id in fresh:
        _publish(temporary, home.run(run_id).root, written)
    for temporary, launch_id in places:
        _publish(temporary, home.launch(launch_id).root, written)
    sync_folder(home.runs)
    sync_folder(home.launches)


def _launch_lines(launches: Sequence[LaunchSpec], run_id: str) -> bytes:
    def line(launch_id: str, stage: Stage) -> str:
        return json.dumps({"launch_id": launch_id, "stage": stage}) + "\n"

    return "".join(
        line(launch.launch_id, launch.stage) for launch in launches if run_id in launch.run_ids
    ).encode()


def _pieces(path: Path) -> Iterator[bytes]:
    """A file, a megabyte at a time."""
    with path.open("rb") as stream:
        yield from iter(partial(stream.read, 1 << 20), b"")


def _stage_run(
    home: Home, spec: RunSpec, data: Iterable[bytes], lines: bytes, written: _Written
) -> Path:
    folder = home.runs / f".new-{os.getpid()}-{spec.run_id}"
    written.folders.append(folder)
    folder.mkdir(mode=0o700)
    write_durably(folder / "data.jsonl", data)
    write_durably(folder / "launches.jsonl", lines)
    write_record(folder / "spec.json", spec)
    return folder


def _stage_launch(home: Home, launch: LaunchSpec, written: _Written) -> Path:
    folder = home.launches / f".new-{os.getpid()}-{launch.launch_id}"
    written.folders.append(folder)
    folder.mkdir(mode=0o700)
    (folder / "control").mkdir(mode=0o700)
    write_record(folder / "launch.json", launch)
    return folder


def _append(path: Path, lines: bytes, written: _Written) -> None:
    with append_plain(path) as stream:
        size = stream.tell()
        written.grown.append((path, size))
        stream.write(lines)
        stream.flush()
        os.fsync(stream.fileno())


def _publish(temporary: Path, place: Path, written: _Written) -> None:
    temporary.rename(place)
    written.folders.append(place)
