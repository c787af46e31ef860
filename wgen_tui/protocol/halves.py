"""What the worker of `run upsample` says of a run's rows."""

from __future__ import annotations

from wgen_tui.protocol.record import Record


class TwoMeans(Record):
    """A run's rows in two clusters, by what a checkpoint makes of their answers.

    Attributes:
        step: The checkpoint's.
        lines: Of data.jsonl, from 1, in its order; what training left out is not among them.
        slow: Which of these lines are in the cluster of the higher mean loss.
        slow_loss: That cluster's mean loss of a row.
        fast_loss: The other's; None where all rows are in one.
    """

    step: int
    lines: tuple[int, ...]
    slow: tuple[int, ...]
    slow_loss: float
    fast_loss: float | None
