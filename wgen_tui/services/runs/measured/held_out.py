"""What runs make of held-out rows at each checkpoint, for curves.

Promises: a home without such rows, or whose have not changed, opens no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from experiments.seen_files import stamp
from store.beside.held_out import HeldOutPoint, held_out_points
from wgen_tui.paths import Home
from wgen_tui.services.data.database import reading

Points = tuple[HeldOutPoint, ...]


class HeldOutCurves:
    """Reads them. For any thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: dict[str, tuple[object, Points]] = {}
        self._lock = Lock()

    def read(self, run_ids: Sequence[str]) -> list[Points]:
        """Of each run; none where nothing was measured.

        Raises:
            BusyError: another program holds the database.
        """
        with self._lock:
            seen = {run_id: stamp(self._home.run(run_id).held_out) for run_id in run_ids}
            new = [
                run_id
                for run_id, now in seen.items()
                if now is not None and self._known.get(run_id, (None, ()))[0] != now
            ]
            if new:
                with reading(self._home) as con:
                    points = held_out_points(con, new)
                self._known |= {run_id: (seen[run_id], tuple(points[run_id])) for run_id in new}
            return [() if seen[run_id] is None else self._known[run_id][1] for run_id in run_ids]
