"""What a launch will take of memory and disk, before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wgen_tui.paths import Home
from wgen_tui.protocol import LaunchSpec


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one process of a launch is thought to take, in units of 2**20 bytes.

    Attributes:
        memory_mb: At its peak, of its GPU, or of the machine's memory without one; 0: not known.
        least_mb: With one adapter, or one row, at a time.
        disk_mb: Written to the home, all processes together.
        on_gpu: Which memory it is.
        stack: Adapters trained together.
        rows: Draws made together.
        parts: What it is made of: weights, adapters, optimiser, activations, cache, logits, overhead.
        key: Launches with the same one take about the same: see `calibrated`.
        scale: What experience has multiplied it by.
    """

    memory_mb: int
    least_mb: int
    disk_mb: int
    on_gpu: bool
    stack: int = 0
    rows: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)
    key: str = ""
    scale: float = 1.0

    @property
    def gpu_mb(self) -> int:
        """What it takes of a GPU."""
        return self.memory_mb if self.on_gpu else 0


def estimate(
    home: Home,
    spec: LaunchSpec,
    *,
    on_gpu: bool | None = None,
    room_mb: int | None = None,
    stack: int | None = None,
    rows: int | None = None,
) -> Estimate:
    """What a launch will take; raises nothing.

    Args:
        home: Where its runs are.
        spec: The launch.
        on_gpu: Whether its worker will find a GPU; None: look.
        room_mb: The most memory that it may find free; None: no limit.
        stack: Most adapters together (queue.json).
        rows: Most draws together (queue.json).
    """
    return Estimate(0, 0, 0, bool(on_gpu))
