"""Training passes and decoding steps as CUDA graphs: real ones on a GPU, imitated on a CPU.

In place of replaying a graph a CPU runs the same function again on the same tensors, into the same
result, which comes to the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch

from wgen_tui.workers.device import graphs
from wgen_tui.workers.device.graphs import SWITCH, Graphs
from wgen_tui.workers.sample.engine.forward import ModelRunner
from wgen_tui.workers.train.grid.gradients import Gradients


def run_again(
    work: graphs.Work, inputs: graphs.Tensors, _pool: list[Any]
) -> tuple[Callable[[], None], torch.Tensor]:
    """`capture` without a GPU: nothing is computed now, and results always lie in one place."""
    output = torch.empty(0)

    def replay() -> None:
        result = work(*inputs)
        output.resize_(result.shape).copy_(result)

    return replay, output


def refuse(
    _work: graphs.Work, _inputs: graphs.Tensors, _pool: list[Any]
) -> tuple[Callable[[], None], torch.Tensor]:
    """`capture` that captures nothing: the same shapes run as they are."""
    raise RuntimeError("asked for none")


@contextmanager
def replaying(note: Callable[[str], None], *, really: bool = True) -> Iterator[list[Graphs]]:
    """Turn graphs on; gives those that are made meanwhile.

    Args:
        note: Told, on a CPU, why something was not captured; on a GPU the worker's log says it.
        really: Else passes are shaped as for graphs, and none is captured: what graphs alone
            change is the difference.
    """
    every: list[Graphs] = []
    begin, begin_gradients, begin_runner = Graphs.__init__, Gradients.__init__, ModelRunner.__init__
    here = not torch.cuda.is_available()
    capture = refuse if not really else run_again if here else graphs.capture

    def graphs_begin(self: Graphs, noted: Callable[[str], None]) -> None:
        begin(self, noted)
        every.append(self)

    def gradients_begin(self: Gradients, *args: Any, **more: Any) -> None:
        begin_gradients(self, *args, **more)
        if here:
            self.graphs = Graphs(note)

    def runner_begin(self: ModelRunner, *args: Any, **more: Any) -> None:
        begin_runner(self, *args, **more)
        if here:
            self.graphs = self.makes_masks = True

    with (
        patch.dict(os.environ, {SWITCH: "1"}),
        patch.object(graphs, "capture", capture),
        patch.object(Graphs, "__init__", graphs_begin),
        patch.object(Gradients, "__init__", gradients_begin),
        patch.object(ModelRunner, "__init__", runner_begin),
    ):
        yield every
