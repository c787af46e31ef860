"""LoRA adapters on one frozen base, for reading and sampling: each row goes through its own.

Promises: a row's numbers are, up to rounding, what PEFT computes for its adapter alone (adapters in
fp32, added to the base's output and rounded once); a row without an adapter gets exactly the base's;
taking the rack off leaves the base as it was.

Training has its own stack (`grid.stack`); here nothing has a gradient, so scales are multiplied in,
ranks need no padding, and the product is added in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import nn

from wgen_tui.workers.adapters import Adapter

NO_SLOT = -1


@dataclass(frozen=True)
class Routing:
    """Which columns of the rack the rows of a pass go through.

    Attributes:
        start: First column.
        stop: One past the last; equal to `start` where no row has an adapter.
        mask: [rows, 1, stop - start], 1 where a row may use a column; None: all rows use all.
    """

    start: int = 0
    stop: int = 0
    mask: torch.Tensor | None = None


class _SharedRouting:
    """What the modules of a rack share: the routing of the pass at hand."""

    def __init__(self) -> None:
        self.routing = Routing()


class MultiLoraLinear(nn.Module):  # type: ignore[misc]
    """A frozen module with adapters beside it: A [columns, in] and scaled B [columns, out]."""

    def __init__(
        self, base: nn.Module, seat: _SharedRouting, a: torch.Tensor, b: torch.Tensor
    ) -> None:
        super().__init__()
        self.base = base
        self.seat = seat
        self.a = a
        self.b = b

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """The base's output plus what each row's adapter adds."""
        y: torch.Tensor = self.base(x, *args, **kwargs)
        routing = self.seat.routing
        if routing.start == routing.stop:
            return y
        inner = nn.functional.linear(x.to(self.a.dtype), self.a[routing.start : routing.stop])
        if routing.mask is not None:
            inner *= routing.mask
        b = self.b[routing.start : routing.stop]
        if y.dtype == b.dtype and y.is_contiguous():
            y.view(-1, y.size(-1)).addmm_(inner.view(-1, inner.size(-1)), b)
            return y
        # In the adapters' precision first, rounded once, as PEFT does it.
        return (y + inner @ b).to(y.dtype)


class AdapterSlots:
    """The adapters that are on a base now, each in a slot."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._seat = _SharedRouting()
        self._bases: dict[str, nn.Module] = {}
        self._edges: list[int] = [0]

    def put(self, adapters: Sequence[Adapter]) -> None:
        """Put these on, the first in slot 0; what was on before is taken off."""
        self.clear()
        self._edges = [0, *accumulate(adapter.rank for adapter in adapters)]
        for name in dict.fromkeys(name for adapter in adapters for name in adapter.weights):
            base = self._model.get_submodule(name)
            device = next(base.parameters()).device
            halves = [_halves(adapter, name, adapters) for adapter in adapters]
            a = torch.cat([half[0] for half in halves]).to(device)
            b = torch.cat([half[1] for half in halves]).to(device)
            self._bases[name] = base
            self._set(name, MultiLoraLinear(base, self._seat, a, b))

    def clear(self) -> None:
        """Take all off; the base is as it was."""
        self._seat.routing = Routing()
        for name, base in self._bases.items():
            self._set(name, base)
        self._bases.clear()
        self._edges = [0]

    def columns(self, slot: int) -> int:
        """How many columns an adapter takes: its rank."""
        return 0 if slot == NO_SLOT else self._edges[slot + 1] - self._edges[slot]

    def routing(self, slots: Sequence[int], device: torch.device) -> Routing:
        """The routing of a pass whose rows have these slots (NO_SLOT: the base)."""
        used = sorted(set(slots) - {NO_SLOT})
        if not used:
            return Routing()
        start, stop = self._edges[used[0]], self._edges[used[-1] + 1]
        if len(used) == 1 and NO_SLOT not in slots:
            return Routing(start, stop)
        owner = np.repeat(np.arange(len(self._edges) - 1), np.diff(self._edges))[start:stop]
        mask = torch.from_numpy(np.asarray(slots)[:, None] == owner)
        return Routing(start, stop, mask[:, None, :].to(device, torch.float32))

    def use(self, routing: Routing) -> None:
        """Send the next pass through this routing."""
        self._seat.routing = routing

    def _set(self, name: str, module: nn.Module) -> None:
        parent, _, last = name.rpartition(".")
        setattr(self._model.get_submodule(parent), last, module)


def _halves(
    adapter: Adapter, name: str, adapters: Sequence[Adapter]
) -> tuple[torch.Tensor, torch.Tensor]:
    """A [r, in] and scale·Bᵀ [r, out] of a module; zeros where the adapter leaves it alone."""
    if name in adapter.weights:
        a, b = adapter.weights[name]
        return a.float(), (b.float() * adapter.scale).T.contiguous()
    a, b = next(other.weights[name] for other in adapters if name in other.weights)
    return torch.zeros(adapter.rank, a.size(1)), torch.zeros(adapter.rank, b.size(0))
