"""Which requests are drawn together: those of one checkpoint, or of many at once.

Promises: every request is handed out once, until it is given back. With few draws for each
checkpoint a pass over many of them costs little more than a pass over one; with many, the masked
product costs more than it saves. Where there is enough work for it to matter, both modes are tried
on it and the one that drew more tokens a second is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from wgen_tui.workers.sample.engine.decode import Request
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots

BatchMode = Literal["alone", "stacked"]
ENOUGH = 256  # draws of one checkpoint from which a pass of its own is the better first guess
TRY_BOTH = 4  # batches of work left, from which the other mode is tried as well


@dataclass
class Batch:
    """Requests that are drawn together."""

    mode: BatchMode
    requests: list[Request]

    @property
    def name(self) -> str:
        """As stored with every sample."""
        count = len({item.slot for item in self.requests})
        return f"stacked {count}" if count > 1 else "alone"


@dataclass
class _Cost:
    tokens: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return self.tokens / max(self.seconds, 1e-9)


@dataclass
class DrawQueue:
    """The requests that wait, from the checkpoints on the base.

    Attributes:
        queues: One for each checkpoint; prompts of like length stand together.
        slots: Says how many columns an adapter takes.
        max_columns: Most columns of adapters in a pass.
        costs: What each mode has cost so far.
    """

    queues: list[list[Request]]
    slots: AdapterSlots | None
    max_columns: int
    costs: dict[BatchMode, _Cost] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for queue in self.queues:
            queue.sort(key=lambda item: len(item.prompt))

    def next_batch(self, rows: int) -> Batch | None:
        """Hand out at most `rows` requests; None when there are none left."""
        queues = [[item for item in queue if not item.aborted] for queue in self.queues]
        self.queues = [queue for queue in queues if queue]
        if not self.queues:
            return None
        mode = self._pick_mode(rows)
        if mode == "alone":
            return Batch(mode, _take(self.queues[0], rows))
        requests: list[Request] = []
        for queue in self._stackable_queues():
            requests += _take(queue, rows - len(requests))
            if len(requests) == rows:
                break
        return Batch(mode, requests)

    def put_back(self, requests: Sequence[Request]) -> None:
        """Take back requests that were not completed."""
        if requests:
            self.queues.insert(0, list(requests))

    def record_cost(self, batch: Batch, tokens: int, seconds: float) -> None:
        """Note what a batch cost."""
        cost = self.costs.setdefault(batch.mode, _Cost())
        cost.tokens += tokens
        cost.seconds += seconds

    def _pick_mode(self, rows: int) -> BatchMode:
        if self.slots is None or len(self.queues) == 1 or len(self.queues[0]) >= rows:
            return "alone"  # the other mode would be the same
        left = sum(map(len, self.queues))
        first: BatchMode = "alone" if left / len(self.queues) >= ENOUGH else "stacked"
        second: BatchMode = "stacked" if first == "alone" else "alone"
        if len(self.costs) == 2:
            return max(self.costs, key=lambda mode: self.costs[mode].rate)
        if first in self.costs and left >= TRY_BOTH * rows:
            return second
        return first if not self.costs else next(iter(self.costs))

    def _stackable_queues(self) -> list[list[Request]]:
        """The first checkpoints whose adapters fit into one pass; at least one."""
        columns = 0
        fitting: list[list[Request]] = []
        for queue in self.queues:
            slot = queue[0].slot
            columns += self.slots.columns(slot) if self.slots and slot != NO_SLOT else 0
            if fitting and columns > self.max_columns:
                break
            fitting.append(queue)
        return fitting


def _take(queue: list[Request], count: int) -> list[Request]:
    taken = queue[:count]
    del queue[:count]
    return taken
