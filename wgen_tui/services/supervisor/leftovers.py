"""Temporary files that killed processes left in a home: which there are, and away with them.

Promises: whoever reads a home passes them over, so they only take room; what may belong to a
process that lives, on this machine or another that has the home, is left where it is.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from wgen_tui.paths import Home
from wgen_tui.run_files.run_folders import launches_of
from wgen_tui.services.runs.launch_state import alive
from wgen_tui.services.runs.process import process_started
from wgen_tui.services.runs.queue import queue_lock

WRITTEN_SECONDS = 60.0  # no file takes as long to be written and renamed
TEMPORARY = re.compile(r"\.(?:.+\.tmp|(?:new|removed)-.+)")
MAKER = re.compile(r"\.(?:.+\.(?P<file>\d+)\.tmp|(?:new|removed)-(?P<folder>\d+)-.+)")
CHECKPOINT = re.compile(r"\.step-\d+\.tmp")  # names nobody: only a worker of the run writes it


def leftovers(home: Home) -> list[str]:
    """Temporary files that killed processes left; what is being written is none yet."""
    return sorted(str(path.relative_to(home.root)) for path in _leftovers(home))


def sweep(home: Home) -> list[str]:
    """Remove those that can belong to no process any more.

    A file or folder goes if nobody has touched it for a minute, the process that its name says is
    gone, and no worker of its run or launch holds its lock, which another machine would do too.

    Returns:
        What was removed, from the home.
    """
    removed = []
    with queue_lock(home):  # no command is about to give a new run or launch its name
        for path in _leftovers(home):
            if _is_nobodys(home, path):
                _remove(path)
                removed.append(str(path.relative_to(home.root)))
    return sorted(removed)


def _leftovers(home: Home) -> Iterator[Path]:
    before = time.time() - WRITTEN_SECONDS
    for folder, folders, names in os.walk(home.root):
        left = [name for name in (*folders, *names) if TEMPORARY.fullmatch(name)]
        folders[:] = [name for name in folders if name not in left]
        for name in left:
            path = Path(folder, name)
            with suppress(OSError):  # renamed in this instant
                if _touched(path) < before:
                    yield path


def _touched(path: Path) -> float:
    """When a file, or anything in a folder, was last written."""
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    return max(float(item.lstat().st_mtime) for item in (path, *inside))


def _is_nobodys(home: Home, path: Path) -> bool:
    maker = MAKER.fullmatch(path.name)
    if maker is None and not CHECKPOINT.fullmatch(path.name):
        return False
    if maker and process_started(int(maker["file"] or maker["folder"])) is not None:
        return False
    # A file of the home's or the journal's, or a run or launch that never got its name.
    if path.parent in (home.root, home.journal, home.runs, home.launches):
        return maker is not None
    kind, name, *_ = path.relative_to(home.root).parts
    if kind == home.launches.name:
        return not alive(home.launch(name))
    if kind == home.runs.name:
        return not any(alive(home.launch(launch)) for launch in launches_of(home, name))
    return False  # what is not ours is its owner's


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
