"""Follow runs until none is live, or none of those that are has a launch to wait for.

Promises: watching only reads; ending it ends nothing else. A supervisor that died while work is
queued is replaced.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wgen_tui.paths import Home
from wgen_tui.services.control.status import StatusPoller
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.services.runs.runs import RunList

POLL_EVERY = 0.25  # seconds
CHECK_EVERY = 5.0  # between two checks whether work waits for a supervisor


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All watched runs as they are now, and the notes of their workers since the watch began."""

    runs: tuple[RunStatus, ...]
    notes: tuple[str, ...] = ()

    @property
    def live(self) -> bool:
        return any(run.live for run in self.runs)

    @property
    def failed(self) -> tuple[RunStatus, ...]:
        """Those that ended otherwise than well."""
        return tuple(run for run in self.runs if not run.live and run.state != "finished")

    @property
    def unplanned(self) -> tuple[RunStatus, ...]:
        """Those that have no launch, so that nothing works for them."""
        return tuple(run for run in self.runs if run.unplanned)


def watch(home: Home, run_ids: Sequence[str], *, restart: bool = True) -> Iterator[Snapshot]:
    """Yield a snapshot whenever something has changed; the last one has none to wait for.

    Args:
        home: The home.
        run_ids: The runs to watch.
        restart: Whether to start a supervisor when there is none and runs are queued.
    """
    runs = RunList(home)
    last: Snapshot | None = None
    poller = StatusPoller(home)
    checked_at = float("-inf")
    runs.refresh(run_ids=run_ids)
    noted = len(runs.notes)  # of launches before this watch
    idle = False
    while True:
        snapshot = Snapshot(tuple(runs.refresh(run_ids=run_ids)), runs.notes[noted:])
        if snapshot != last:
            last = snapshot
            yield snapshot
        # A command that is writing them has a launch a moment after its run: look twice.
        was_idle, idle = idle, all(run.unplanned for run in snapshot.runs if run.live)
        if not snapshot.live or (idle and was_idle):
            return
        if restart and time.monotonic() - checked_at >= CHECK_EVERY:
            checked_at = time.monotonic()
            poller.ensure_supervisor()
        time.sleep(POLL_EVERY)
