"""CUDA graphs: work of one shape that is asked for again and again, replayed by one call.

Promises: whoever runs through here gets what the function gives, captured or not; what cannot be
captured is run as it is, and the reason is told once. A small model's step is thousands of short
kernels, and the host needs longer to ask for them than a GPU to do them.

Tokens are drawn by them: a GPU has shown the same draws, several times as fast
(docs/benchmarks.md). Training is not, unless WGEN_CUDA_GRAPHS=1 asks for it: that it gives the same
adapters up to rounding is not shown yet. WGEN_CUDA_GRAPHS=0 turns both off.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch

from wgen_tui.workers.runtime import is_out_of_memory

SWITCH = "WGEN_CUDA_GRAPHS"
MOST_GRAPHS = 32  # shapes; each keeps what its work reads and writes
Tensors = tuple[torch.Tensor, ...]
Work = Callable[..., torch.Tensor]


def graphs_wanted(*, to_draw: bool) -> bool:
    """Whether CUDA graphs may be captured, for drawing or for training."""
    setting = os.environ.get(SWITCH)
    return setting != "0" if to_draw else setting == "1"


def capture(
    work: Work, inputs: Tensors, pool: list[Any]
) -> tuple[Callable[[], None], torch.Tensor]:
    """Record what a function asks of the GPU.

    Args:
        work: The function; it must have run before, and must read no tensor on the host.
        inputs: What it is called with; later calls write into these.
        pool: Whose memory the graphs of one function share; the first fills it in.

    Returns:
        What repeats it, and where its result then is.

    Raises:
        RuntimeError: It cannot be captured.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool[0] if pool else None):
        output = work(*inputs)
    if not pool:
        pool.append(graph.pool())
    return graph.replay, output


@dataclass
class _Captured:
    inputs: Tensors
    replay: Callable[[], None]
    output: torch.Tensor


class Graphs:
    """The graphs of one function, by shape.

    Attributes:
        replayed: How often a graph did the work.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        """Begin without any.

        Args:
            note: Told why nothing is captured any more.
        """
        self.replayed = 0
        self._note = note
        self._seen: set[Hashable] = set()
        self._captured: dict[Hashable, _Captured] = {}
        self._pool: list[Any] = []
        self._given_up = False

    def clear(self) -> None:
        """Forget all graphs: what they read or write is no longer there."""
        self._seen.clear()
        self._captured.clear()
        self._pool.clear()

    def run(self, work: Work, *inputs: torch.Tensor) -> torch.Tensor:
        """The function's result; the next call may overwrite it."""
        key = tuple((one.shape, one.dtype) for one in inputs)
        if (known := self._captured.get(key)) is not None:
            for own, given in zip(known.inputs, inputs, strict=True):
                own.copy_(given, non_blocking=True)
            known.replay()
            self.replayed += 1
            return known.output
        # The first call warms up: libraries choose their kernels and take their memory.
        if self._given_up or key not in self._seen or len(self._captured) == MOST_GRAPHS:
            self._seen.add(key)
            return work(*inputs)
        try:
            self._captured[key] = _Captured(inputs, *capture(work, inputs, self._pool))
        except Exception as error:
            if is_out_of_memory(error):
                raise
            lines = str(error).strip().splitlines() or [type(error).__name__]
            self._give_up(lines[0])
            return work(*inputs)
        # Capturing computes nothing: the work is still to be done.
        return self.run(work, *inputs)

    def _give_up(self, reason: str) -> None:
        self._given_up = True
        self.clear()
        self._note(f"no CUDA graphs: {reason}")
