"""The folders of runs: which there are, the spec and the launches of each, and what cannot be read.

Promises: whatever stands in the place of one of these files takes no other run down; it is said
which file it is and what is wrong with it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from experiments.seen_files import Stamp, stamp
from wgen_tui.paths import ID_PATTERN, Home
from wgen_tui.plain_files import parse, read_plain, why_not
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.record import Unreadable, read_record
from wgen_tui.protocol.runs import RunSpec

NOT_THERE = (FileNotFoundError, NotADirectoryError)
SETTLED_NS = 2_000_000_000  # younger than that, a folder may change once more within its moment
WHOLE_EVERY = 30.0  # seconds after which all is read again, whatever the folders say


def run_names(home: Home) -> list[str]:
    """The ids of all runs, in order."""
    return sorted(name for name, why in _entries(home).items() if not why)


def no_runs(home: Home) -> dict[str, str]:
    """What lies between the runs and is none, and why, by name."""
    return {name: why for name, why in sorted(_entries(home).items()) if why}


class RunFolders:
    """Which runs there are, asked again and again. Not for several threads at once.

    Whoever adds launches to a run that is there puts their folders in place last, and whoever
    merges takes a folder of their own out of the runs last: as long as both folders stand as they
    stood, no list of launches is another. What a person writes into one by hand is seen at the
    next whole look.

    Attributes:
        names: The ids of all runs, in order.
        odd: What lies between them and is none, and why, by name.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._stood: tuple[Stamp | None, Stamp | None] | None = None  # None: nothing to go by
        self._read_at = 0.0
        self.names: list[str] = []
        self.odd: dict[str, str] = {}

    def refresh(self) -> bool:
        """Look again; whether both folders stand as they did at the last whole look."""
        began = time.time_ns()
        stand = stamp(self._home.runs), stamp(self._home.launches)
        if stand == self._stood and time.monotonic() - self._read_at < WHOLE_EVERY:
            return True
        entries = _entries(self._home)
        self.names = sorted(name for name, why in entries.items() if not why)
        self.odd = {name: why for name, why in sorted(entries.items()) if why}
        settled = all(folder and began - folder[1] > SETTLED_NS for folder in stand)
        self._stood, self._read_at = stand if settled else None, time.monotonic()
        return False


def _entries(home: Home) -> dict[str, str]:
    """What lies in the folder of runs, each with why it is none."""
    try:
        with os.scandir(home.runs) as entries:
            return {entry.name: _why_no_run(entry) for entry in entries if entry.name[0] != "."}
    except NOT_THERE:
        return {}
    except OSError as error:
        return {"": f"{home.runs} cannot be read: {why_not(error)}"}


def _why_no_run(entry: os.DirEntry[str]) -> str:
    try:
        is_folder = entry.is_dir()
    except OSError:  # a circle of links
        is_folder = False
    if not is_folder:
        return f"{entry.path} is no folder of a run"
    if not ID_PATTERN.fullmatch(entry.name) or ".." in entry.name:
        return f"{entry.path} has a name that no run can have"
    return ""


def load_spec(home: Home, run_id: str) -> RunSpec | None:
    """A run's spec; None when it has none.

    Raises:
        Unreadable: it has one that this version cannot read.
    """
    return read_record(home.run(run_id).spec, RunSpec)


def read_spec(home: Home, run_id: str) -> RunSpec | None:
    """A run's spec; None when there is none of this version."""
    try:
        return load_spec(home, run_id)
    except Unreadable:
        return None


def load_launches(home: Home, run_id: str) -> list[str]:
    """The ids of the launches that serve a run, oldest first.

    Raises:
        Unreadable: the list cannot be read, or a line of it names none.
    """
    names, why = _launches(home, run_id)
    if why:
        raise Unreadable(home.run(run_id).launches, why)
    return names


def launches_of(home: Home, run_id: str) -> list[str]:
    """The ids of the launches that serve a run, oldest first.

    Where its list cannot be read, is gone or is empty, those that name the run themselves: what is
    queued for it is then not queued twice.
    """
    names, why = _launches(home, run_id)
    if (names and not why) or not home.run(run_id).spec.exists():
        return names
    return list(dict.fromkeys([*names, *_launches_that_name(home, run_id)]))


def _launches_that_name(home: Home, run_id: str) -> Iterator[str]:
    try:
        every = sorted(entry.name for entry in os.scandir(home.launches))
    except OSError:
        return
    for name in every:
        if ID_PATTERN.fullmatch(name) and ".." not in name:
            try:
                spec = read_record(home.launch(name).spec, LaunchSpec)
            except Unreadable:  # named where launches are listed
                continue
            if spec is not None and run_id in spec.run_ids:
                yield name


def _launches(home: Home, run_id: str) -> tuple[list[str], str]:
    """The launches of a run, and what is wrong with their list."""
    names: list[str] = []
    why = ""
    try:
        lines = read_plain(home.run(run_id).launches).splitlines()
    except NOT_THERE:
        return [], ""
    except OSError as error:
        return [], why_not(error)
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"}") and number == len(lines):
            break  # a kill tore it
        try:
            name = parse(line)["launch_id"]
        except (ValueError, KeyError, TypeError):
            name = None
        if isinstance(name, str) and ID_PATTERN.fullmatch(name) and ".." not in name:
            names.append(name)
        else:
            why = why or f"line {number} names no launch"
    return names, why


def unreadable_specs(home: Home, experiment: str) -> list[str]:
    """A line for each run that its name gives to an experiment and that cannot be read."""
    lines = [f"{why}." for name, why in no_runs(home).items() if name.startswith(f"{experiment}-")]
    for name in run_names(home):
        if name.startswith(f"{experiment}-"):
            try:
                load_spec(home, name)
            except Unreadable as error:
                lines.append(f"{error}.")
    return lines
