"""Which files of a home cannot be read, and why: for `doctor`, which looks at all of them.

Promises: only reads, and never waits; what is not there is no finding.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from wgen_tui.paths import ID_PATTERN, Home
from wgen_tui.plain_files import open_plain, parse, read_plain, why_not
from wgen_tui.protocol.launches import DoneRecord, LaunchSpec, StartRecord
from wgen_tui.protocol.queue import QueueRecord, SlurmRecord
from wgen_tui.protocol.record import Record, Unreadable, read_record
from wgen_tui.protocol.runs import Verification

MISSING = (FileNotFoundError, NotADirectoryError)


def odd_files(home: Home) -> Iterator[str]:
    """A line for each file of launches, runs and queue that cannot be read; specs of runs aside."""
    for path in (home.queue, home.waiting):
        yield from _odd_json(path)
    for name in _names(home.launches):
        launch = home.launch(name)
        yield from _odd_record(launch.spec, LaunchSpec)
        yield from _odd_record(launch.started, StartRecord)
        yield from _odd_record(launch.done, DoneRecord)
        yield from _odd_record(launch.queue, QueueRecord)
        yield from _odd_record(launch.slurm, SlurmRecord)
        yield from _odd_plain(launch.events)
        yield from _odd_plain(launch.log)
        yield from _odd_folder(launch.control)
    for name in _names(home.runs):
        run = home.run(name)
        yield from _odd_record(run.verification, Verification)
        yield from _odd_plain(run.metrics)
        yield from _odd_plain(run.launches)
        for folder in (
            run.checkpoints,
            run.samples,
            run.reasoning,
            run.prompts,
            run.readouts,
            run.held_out,
            run.verdicts,
            run.grades,
        ):
            yield from _odd_folder(folder)


def _names(folder: Path) -> list[str]:
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return sorted(name for name in names if ID_PATTERN.fullmatch(name) and ".." not in name)


def _odd_record(path: Path, kind: type[Record]) -> Iterator[str]:
    try:
        read_record(path, kind)
    except Unreadable as error:
        yield f"{error}."


def _odd_json(path: Path) -> Iterator[str]:
    try:
        parse(read_plain(path))
    except MISSING:
        return
    except (OSError, ValueError) as error:
        yield f"{path} cannot be read: {why_not(error)}."


def _odd_plain(path: Path) -> Iterator[str]:
    try:
        open_plain(path).close()
    except MISSING:
        return
    except OSError as error:
        yield f"{path} cannot be read: {why_not(error)}."


def _odd_folder(path: Path) -> Iterator[str]:
    if os.path.lexists(path) and not path.is_dir():
        yield f"{path} is no folder."
