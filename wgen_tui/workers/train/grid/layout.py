"""All weights of an adapter as one row of numbers, and back.

Promises: no number is changed; a row fitted to a higher rank is padded with zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from wgen_tui.workers.adapters import Adapter


@dataclass(frozen=True)
class Layout:
    """Where each module's weights stand in a row: the A's of all, then the B's of all.

    So the A's of modules that follow one another are one matrix, where these are of one width.

    Attributes:
        shapes: Module name -> (in, out), in the order of the row.
        rank: R.
    """

    shapes: Mapping[str, tuple[int, int]]
    rank: int

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return sum(self.rank * (ins + outs) for ins, outs in self.shapes.values())

    def views(self, rows: torch.Tensor) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """A [n, R, in] and B [n, out, R] of each module, as views into `rows` [n, width]."""
        views: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        a_start, rank = 0, self.rank
        b_start = rank * sum(ins for ins, _ in self.shapes.values())
        for name, (ins, outs) in self.shapes.items():
            a_end, b_end = a_start + rank * ins, b_start + rank * outs
            views[name] = (
                rows[:, a_start:a_end].view(-1, rank, ins),
                rows[:, b_start:b_end].view(-1, outs, rank),
            )
            a_start, b_start = a_end, b_end
        return views

    def joined_a(self, rows: torch.Tensor, names: Sequence[str]) -> torch.Tensor:
        """The A's of neighbours of one width [n, names·R, in], as a view into `rows`."""
        ins = self.shapes[names[0]][0]
        first = self.views(rows)[names[0]][0]
        size = (rows.size(0), len(names) * self.rank, ins)
        return first.as_strided(size, first.stride(), first.storage_offset())

    def at_rank(self, rank: int) -> Layout:
        """The same modules at another rank."""
        return Layout(self.shapes, rank)

    def fit(self, row: torch.Tensor, rank: int) -> torch.Tensor:
        """A row of rank `rank` at this layout's rank: padded with zeros, or cut."""
        if rank == self.rank:
            return row
        fitted = row.new_zeros(1, self.width)
        low = min(rank, self.rank)
        source = self.at_rank(rank).views(row[None])
        for name, (a, b) in self.views(fitted).items():
            a[0, :low] = source[name][0][0, :low]
            b[0, :, :low] = source[name][1][0, :, :low]
        return fitted[0]


def layout_of(adapter: Adapter) -> Layout:
    """The layout of an adapter's row at its own rank."""
    shapes = {name: (a.size(1), b.size(0)) for name, (a, b) in adapter.weights.items()}
    return Layout(shapes, adapter.rank)


def to_row(adapter: Adapter, device: torch.device) -> torch.Tensor:
    """All weights of an adapter as one vector of `layout_of(adapter).width`."""
    layout = layout_of(adapter)
    row = torch.empty(1, layout.width, dtype=torch.float32, device=device)
    for name, (a, b) in layout.views(row).items():
        a[0].copy_(adapter.weights[name][0])
        b[0].copy_(adapter.weights[name][1])
    return row[0]


def from_row(row: torch.Tensor, layout: Layout, scale: float) -> Adapter:
    """The adapter of a row at `layout`'s rank; its tensors are copies on the CPU."""
    row = row.detach().cpu()
    weights = {
        name: (a[0].clone(), b[0].clone()) for name, (a, b) in layout.views(row[None]).items()
    }
    return Adapter(layout.rank, scale, weights)
