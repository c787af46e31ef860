"""The two homes of a merge: whether the other is one, and whether a run is live in either.

Promises: only reads; a run counts as live when that cannot be ruled out.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home, LaunchPaths
from wgen_tui.protocol.launches import WORKING_STATES
from wgen_tui.services.merge.incoming_launches import read_started
from wgen_tui.services.merge.merge_report import MergeConflict
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView, alive
from wgen_tui.services.runs.run_state import is_pending_for
from wgen_tui.services.supervisor import lifecycle

QUIET = 600.0  # seconds; a launch that another box wrote to since then may still run


@dataclass
class HomeLaunches:
    """The launches of one home, each read once."""

    home: Home
    _launches: Launches = field(init=False)

    def __post_init__(self) -> None:
        self._launches = Launches(self.home)

    def views(self, names: Collection[str]) -> dict[str, LaunchView]:
        """Those named, by id; without the ones that are missing."""
        return self._launches.refresh(names)

    def with_predecessors(self, names: Collection[str]) -> dict[str, LaunchView]:
        """Those named, and all that they come after.

        Raises:
            MergeConflict: one comes after something that cannot be an id.
        """
        try:
            return self._launches.with_predecessors(self._launches.refresh(names))
        except UsageError as error:
            raise MergeConflict(error.message) from error

    def pending_launch(self, run_id: str, names: Collection[str]) -> LaunchView | None:
        """The launch that runs, or is queued, for a run."""
        every = self.with_predecessors(names)
        own = [every[name] for name in names if name in every]
        return next((view for view in own if is_pending_for(view, run_id, every)), None)


def why_live_there(
    launches: HomeLaunches, run_id: str, names: Collection[str], untouched: bool
) -> str:
    """Why a run counts as live in the other home; empty when it is not.

    A launch that is only queued there, without a supervisor that would start it, is not live: the
    box may be gone, and what the run has is worth having.

    Args:
        launches: The other home's launches.
        run_id: The run.
        names: The launches that serve it.
        untouched: Whether the run has no files yet but its spec.
    """
    for view in launches.views(names).values():
        if view.state in WORKING_STATES or alive(view.paths):
            return f"its {view.spec.stage} launch {view.launch_id} is running there"
        if (
            view.done is None
            and (seconds := _seconds_since_write_elsewhere(view.paths)) is not None
        ):
            return (
                f"its {view.spec.stage} launch {view.launch_id} wrote {seconds:.0f} s ago: it "
                f"may be running on another box (merge after {QUIET / 60:.0f} min of silence)"
            )
    waiting = launches.pending_launch(run_id, names)
    if waiting is not None and lifecycle.supervisor_pid(launches.home) is not None:
        return f"its {waiting.spec.stage} launch is queued there, with a supervisor running"
    if waiting is not None and untouched:
        return "it is queued there, and nothing has been done for it yet"
    return ""


def _seconds_since_write_elsewhere(paths: LaunchPaths) -> float | None:
    """How long ago another box wrote to a launch; None when long ago, or when it ran on this box.

    Locks of another box may not be seen here, so its last write has to tell.
    """
    if read_started(paths).get("host", socket.gethostname()) == socket.gethostname():
        return None
    ages = []
    for path in (paths.events, paths.log, paths.started):
        try:
            ages.append(abs(time.time() - path.lstat().st_mtime))
        except OSError:
            continue
    age = min(ages, default=QUIET)
    return age if age < QUIET else None


def check_other_home(home: Home, root: Path) -> Home:
    """Check that a folder is another home that can be merged.

    Raises:
        UsageError: it cannot.
    """
    try:
        # The folder itself may be reached by a link; below it none is followed.
        other = Home(root.expanduser().resolve())
        there = other.root.is_dir()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{root} cannot be read: {error}.", title="Not a home") from error
    if not there:
        raise UsageError(f"There is no folder {root}.", title="Not a home")
    if home.root.exists() and home.root.samefile(other.root):
        raise UsageError(f"{root} is this home itself.", title="The same home")
    if not other.marker.is_file():
        raise UsageError(
            f"{root} is not a home of wgen-tui: there is no {other.marker.name} in it.",
            title="Not a home",
            hint="Give the folder that --home or WGEN_HOME names on the other machine.",
        )
    other.check_format()
    return other
