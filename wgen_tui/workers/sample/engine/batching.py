"""Which draws are made together: of one checkpoint, or of many at once.

Promises: every draw is handed out once, until it is given back. With few draws for each checkpoint a
pass over many of them costs little more than a pass over one; with many, the masked product costs
more than it saves. Where there is enough work for it to matter, both ways are tried on it and the
one that drew more tokens a second is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from wgen_tui.workers.sample.engine.decode import Request
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT, AdapterSlots

Way = Literal["alone", "stacked"]
ENOUGH = 256  # draws of one checkpoint from which a pass of its own is the better first guess
TRY_BOTH = 4  # batches of work left, from which the other way is tried as well


@dataclass
class Batch:
    """Draws that are made together."""

    way: Way
    draws: list[Request]

    @property
    def name(self) -> str:
        """As stored with every sample."""
        count = len({item.slot for item in self.draws})
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
    """The draws that are still to be made from the checkpoints on the rack.

    Attributes:
        queues: One for each checkpoint; prompts of like length stand together.
        rack: Says how wide adapters are.
        widest: Most columns of the rack in a pass.
    """

    queues: list[list[Request]]
    rack: AdapterSlots | None
    widest: int
    costs: dict[Way, _Cost] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for queue in self.queues:
            queue.sort(key=lambda item: len(item.prompt))

    def next(self, rows: int) -> Batch | None:
        """Hand out at most `rows` draws; None when there are none left."""
        self.queues = [
            wanted for queue in self.queues if (wanted := [item for item in queue if item.wanted])
        ]
        if not self.queues:
            return None
        way = self._way(rows)
        if way == "alone":
            return Batch(way, _take(self.queues[0], rows))
        draws: list[Request] = []
        for queue in self._narrow_enough():
            draws += _take(queue, rows - len(draws))
            if len(draws) == rows:
                break
        return Batch(way, draws)

    def put_back(self, draws: Sequence[Request]) -> None:
        """Take back draws that were not made."""
        if draws:
            self.queues.insert(0, list(draws))

    def count(self, batch: Batch, tokens: int, seconds: float) -> None:
        """Note what a batch cost."""
        cost = self.costs.setdefault(batch.way, _Cost())
        cost.tokens += tokens
        cost.seconds += seconds

    def _way(self, rows: int) -> Way:
        if self.rack is None or len(self.queues) == 1 or len(self.queues[0]) >= rows:
            return "alone"  # the other way would be the same
        left = sum(map(len, self.queues))
        first: Way = "alone" if left / len(self.queues) >= ENOUGH else "stacked"
        second: Way = "stacked" if first == "alone" else "alone"
        if len(self.costs) == 2:
            return max(self.costs, key=lambda way: self.costs[way].rate)
        if first in self.costs and left >= TRY_BOTH * rows:
            return second
        return first if not self.costs else next(iter(self.costs))

    def _narrow_enough(self) -> list[list[Request]]:
        """The first checkpoints that fit into one pass; at least one."""
        columns = 0
        found: list[list[Request]] = []
        for queue in self.queues:
            slot = queue[0].slot
            columns += self.rack.columns(slot) if self.rack and slot != NO_SLOT else 0
            if found and columns > self.widest:
                break
            found.append(queue)
        return found


def _take(queue: list[Request], count: int) -> list[Request]:
    taken = queue[:count]
    del queue[:count]
    return taken
