"""LoRA adapters on one frozen base, for sampling: each row of a batch goes through its own.

Promises: a row's numbers are, up to rounding, what PEFT computes for its adapter alone (adapters in
fp32, added to the base's output and rounded once); a row without an adapter gets exactly the
base's; taking the adapters off leaves the base as it was.

Training has its own stack (`train.grid.stack`); here nothing has a gradient, so scales are
multiplied in, ranks need no padding, and the product is added in place.
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
from wgen_tui.workers.device.transfer import upload

NO_SLOT = -1


@dataclass(frozen=True)
class Routing:
    """Which columns of the adapters the rows of a pass go through.

    Attributes:
        start: First column.
        stop: One past the last; equal to `start` where no row has an adapter.
        mask: [rows, 1, stop - start], what a column counts for a row, 0 where it is another's;
            None: all rows use all as they are.
    """

    start: int = 0
    stop: int = 0
    mask: torch.Tensor | None = None


class _SharedRouting:
    """What the layers of one base share: the routing of the pass at hand."""

    def __init__(self) -> None:
        self.routing = Routing()


class MultiLoraLinear(nn.Module):  # type: ignore[misc]
    """A frozen module with adapters beside it: A [columns, in] and scaled B [columns, out]."""

    def __init__(
        self, base: nn.Module, shared: _SharedRouting, a: torch.Tensor, b: torch.Tensor
    ) -> None:
        super().__init__()
        self.base = base
        self.shared = shared
        self.a = a
        self.b = b

    @property
    def weight(self) -> torch.Tensor:
        """The base's, for models that look at its dtype."""
        weight: torch.Tensor = self.base.weight
        return weight

    @property
    def bias(self) -> torch.Tensor | None:
        """The base's, which some models add by themselves."""
        bias: torch.Tensor | None = self.base.bias
        return bias

    def forward(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """The base's output plus what each row's adapter adds.

        x is [rows, tokens, in]; some models have rows and tokens in one, or heads between.
        """
        y: torch.Tensor = self.base(x, *args, **kwargs)  # [rows, tokens, out]
        routing = self.shared.routing
        if routing.start == routing.stop:
            return y

        # Down: all columns of the pass at once; the mask leaves each row its own adapter's.
        a = self.a[routing.start : routing.stop]  # [columns, in]
        hidden = nn.functional.linear(x.to(a.dtype), a)  # [rows, tokens, columns]
        if routing.mask is not None:
            rows, _, columns = routing.mask.shape
            hidden.view(rows, -1, columns).mul_(routing.mask)

        # Up: added to the base's output, in place where the precision is the same.
        b = self.b[routing.start : routing.stop]  # [columns, out]
        if y.dtype == b.dtype and y.is_contiguous():
            y.view(-1, y.size(-1)).addmm_(hidden.view(-1, hidden.size(-1)), b)
            return y
        # In the adapters' precision first, rounded once, as PEFT does it.
        return (y + hidden @ b).to(y.dtype)


class AdapterSlots:
    """The adapters that are on a base now, each in a slot."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._shared = _SharedRouting()
        self._bases: dict[str, nn.Module] = {}
        self._offsets: list[int] = [0]  # where each slot's columns begin, and the last end
        self._scaled: list[tuple[int, float]] = []  # the slots after those: adapter, and its count

    def load(self, adapters: Sequence[Adapter]) -> None:
        """Put adapters on the base, the first in slot 0; those before are taken off."""
        self.clear()
        self._offsets = [0, *accumulate(adapter.rank for adapter in adapters)]
        for name in dict.fromkeys(name for adapter in adapters for name in adapter.weights):
            base = self._model.get_submodule(name)
            device = next(base.parameters()).device
            weights = [_module_weights(adapter, name, adapters) for adapter in adapters]
            a = torch.cat([one for one, _ in weights]).to(device)  # [columns, in]
            b = torch.cat([other for _, other in weights]).to(device)  # [columns, out]
            self._bases[name] = base
            self._replace(name, MultiLoraLinear(base, self._shared, a, b))

    def clear(self) -> None:
        """Take all adapters off; the base is as it was."""
        self._shared.routing = Routing()
        for name, base in self._bases.items():
            self._replace(name, base)
        self._bases.clear()
        self._offsets, self._scaled = [0], []

    def scaled(self, slot: int, alpha: float) -> int:
        """The slot of an adapter that counts `alpha`: no second copy of it is made.

        At 0 it is the base's, at 1 the adapter's own.
        """
        if slot == NO_SLOT or alpha == 0:
            return NO_SLOT
        if alpha == 1:
            return slot
        if (slot, alpha) not in self._scaled:
            self._scaled.append((slot, alpha))
        return len(self._offsets) - 1 + self._scaled.index((slot, alpha))

    def columns(self, slot: int) -> int:
        """How many columns an adapter takes: its rank."""
        if slot == NO_SLOT:
            return 0
        adapter, _ = self._of(slot)
        return self._offsets[adapter + 1] - self._offsets[adapter]

    def routing(self, slots: Sequence[int], device: torch.device) -> Routing:
        """The routing of a pass whose rows have these slots (NO_SLOT: the base)."""
        rows = [self._of(slot) for slot in slots]
        used = sorted({adapter for adapter, _ in rows} - {NO_SLOT})
        if not used:
            return Routing()
        start, stop = self._offsets[used[0]], self._offsets[used[-1] + 1]
        if all(row == (used[0], 1) for row in rows):
            return Routing(start, stop)
        sizes = np.diff(self._offsets)
        owner = np.repeat(np.arange(len(sizes)), sizes)[start:stop]  # [columns]: whose each is
        adapters, alphas = (np.asarray(part)[:, None] for part in zip(*rows, strict=True))
        own = (adapters == owner) * alphas  # [rows, columns]: what each counts
        mask = torch.from_numpy(own.astype(np.float32))[:, None, :]
        return Routing(start, stop, upload(mask, device))

    def _of(self, slot: int) -> tuple[int, float]:
        """Which adapter a slot is, and what it counts."""
        adapters = len(self._offsets) - 1
        return (slot, 1) if slot < adapters else self._scaled[slot - adapters]

    def set_routing(self, routing: Routing) -> None:
        """Send the next pass through this routing."""
        self._shared.routing = routing

    def _replace(self, name: str, module: nn.Module) -> None:
        parent, _, last = name.rpartition(".")
        setattr(self._model.get_submodule(parent), last, module)


def _module_weights(
    adapter: Adapter, name: str, adapters: Sequence[Adapter]
) -> tuple[torch.Tensor, torch.Tensor]:
    """A [r, in] and scale·Bᵀ [r, out] of a module; zeros where the adapter leaves it alone."""
    if name in adapter.weights:
        a, b = adapter.weights[name]
        return a.float(), (b.float() * adapter.scale).T.contiguous()
    a, b = next(other.weights[name] for other in adapters if name in other.weights)
    return torch.zeros(adapter.rank, a.size(1)), torch.zeros(adapter.rank, b.size(0))
