"""Rows that a worker makes for runs before it trains them, whoever makes them.

Promises: what is wrong with one run's rows becomes that run's outcome, and the others go on; rows
count as made only when their record says so of the very file that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from wgen_tui.paths import RunPaths
from wgen_tui.plain_files import read_plain
from wgen_tui.protocol.arms import DerivedRows, UpsampledRows
from wgen_tui.protocol.record import Unreadable, read_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.workers.runtime import Worker


def made_for(
    worker: Worker,
    specs: Sequence[RunSpec],
    lacks: Callable[[RunSpec], bool],
    make: Callable[[RunSpec], None],
) -> list[RunSpec]:
    """Make the rows that runs lack; the runs that have all theirs.

    Args:
        worker: Whose runs.
        specs: The runs.
        lacks: Whether one's rows are still to be made.
        make: Makes them; what it raises becomes the run's outcome.
    """
    ready: list[RunSpec] = []
    for spec in specs:
        if lacks(spec):
            try:
                worker.check_cancelled(spec.run_id)
                make(spec)
            except Exception as error:  # this run's alone
                worker.begin_run(spec.run_id)
                worker.record_error(spec.run_id, error)
                continue
        ready.append(spec)
    return ready


def are_made(
    run: RunPaths, run_id: str, record: Path, kind: type[DerivedRows] | type[UpsampledRows]
) -> bool:
    """Whether a run's rows are there, as its record says that they were made."""
    try:
        told = read_record(record, kind)
        data = read_plain(run.data)
    except (OSError, Unreadable):
        return False
    made = (run_id, sha256(data).hexdigest())
    return told is not None and (told.run_id, told.sha256) == made
