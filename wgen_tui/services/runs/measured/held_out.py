"""What runs make of held-out rows at each checkpoint, for curves.

Promises: a home without such rows, or whose have not changed, opens no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

from experiments.seen_files import stamp
from wgen_tui.paths import Home
from wgen_tui.services.data.database import reading

# Of each run its own checkpoints on the rows of its arm, behind the base's on the same rows.
CURVES = """\
select r.run_id, h.step, h.loss, h.accuracy
from runs r join held_out_runs h
  on h.experiment = r.experiment and h.model = r.model and h.rows_of = r.arm
 and (h.run_id = r.run_id or (h.role = 'base' and h.step = 0))
where r.role <> 'base' and r.run_id in (select unnest($runs))
order by all"""


class HeldOutPoint(NamedTuple):
    """A checkpoint; step 0 is the base on the arm's rows."""

    step: int
    loss: float
    accuracy: float


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
                points: dict[str, list[HeldOutPoint]] = {run_id: [] for run_id in new}
                with reading(self._home) as con:
                    for run_id, *numbers in con.execute(CURVES, {"runs": new}).fetchall():
                        points[run_id].append(HeldOutPoint(*numbers))
                self._known |= {run_id: (seen[run_id], tuple(points[run_id])) for run_id in new}
            return [() if seen[run_id] is None else self._known[run_id][1] for run_id in run_ids]
