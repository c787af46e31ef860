"""K adapters side by side on the linear modules of one frozen base.

Promises: every adapter's part of a pass is what PEFT computes for it alone (same dtypes, same order
of operations, up to rounding); taking the stack off leaves the base as it was. Adapters of a lower
rank than the highest are padded with zeros, which stay zero: their gradients are zero.

All weights of a slot are one row of one matrix, so that an optimiser step over all modules of all
adapters is a handful of operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from wgen_tui.workers.train.grid.fused_lora import (
    FusedWeights,
    Fusion,
    ModuleWeights,
    fusible,
    shared_inputs,
)
from wgen_tui.workers.train.grid.layout import Layout

Dropout = Callable[[int, torch.Tensor], torch.Tensor]


@dataclass
class Routing:
    """Which adapter the rows of the pass at hand go through; shared by all modules of a stack.

    Attributes:
        mode: "grouped": the rows of slot 0, then as many of slot 1, and so on. "masked": `mask`
            says. "base": none.
        mask: Broadcasts to [rows, tokens, K·R]: 1 where a token may use a column of an adapter.
        dropout: Applied to the input of A, given the number of the module; training only.
    """

    mode: str = "base"
    mask: torch.Tensor | None = None
    dropout: Dropout | None = None

    @property
    def fuses(self) -> bool:
        """Whether modules with the same input can be computed together."""
        return self.mode == "grouped" and self.dropout is None


class StackedLinear(nn.Module):  # type: ignore[misc]
    """A frozen module with K adapters: A [K, R, in], B [K, out, R], scale [K, 1, 1].

    `alpha` is the scale where all adapters have the same; `fusion` computes the module together
    with others, as number `fusion_index` of them.
    """

    def __init__(self, base: nn.Module, routing: Routing, number: int) -> None:
        super().__init__()
        self.base = base
        self.routing = routing
        self.number = number
        self.a: nn.Parameter
        self.b: nn.Parameter
        self.scale: torch.Tensor
        self.alpha: float | None = None
        self.fusion: Fusion | None = None
        self.fusion_index = 0

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
        """The base's output and, as the routing says, B·A·x·scale on top of it."""
        routing, fusion = self.routing, self.fusion
        if fusion is not None and routing.fuses and fusion.takes(x):
            return fusion.output(self.fusion_index, x)
        y: torch.Tensor = self.base(x, *args, **kwargs)
        if routing.mode == "base":
            return y
        x = x.to(self.a.dtype)
        if routing.dropout is not None:
            x = routing.dropout(self.number, x)
        return self._grouped(x, y) if routing.mode == "grouped" else self._masked(x, y)

    def _grouped(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Rows of slot 0, then as many of slot 1, and so on: one product for each half."""
        count = self.a.size(0)
        # [K, rows, in] x [K, in, R] = [K, rows, R]
        ax = torch.bmm(x.reshape(count, -1, x.size(-1)), self.a.transpose(1, 2))
        alpha = self.alpha
        if alpha is None:
            ax, alpha = ax * self.scale, 1.0
        # In the adapters' precision first, rounded once, as PEFT does it.
        rows = y.view(count, -1, y.size(-1)).to(ax.dtype)  # [K, rows, out]
        return torch.baddbmm(rows, ax, self.b.transpose(1, 2), alpha=alpha).to(y.dtype).view_as(y)

    def _masked(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Every token through the A's of all adapters, then all but its own masked out."""
        count, rank, ins = self.a.shape
        # [rows, tokens, K·R]; packed, there is one row, which some models leave out
        ax = nn.functional.linear(x, self.a.reshape(count * rank, ins))
        ax = ax * self.routing.mask if x.dim() > 2 else (ax[None] * self.routing.mask)[0]
        b = (self.b.transpose(1, 2) * self.scale).reshape(count * rank, -1)  # [K·R, out]
        return (y + ax @ b).to(y.dtype)


@dataclass(frozen=True)
class Slot:
    """What a slot is filled with: a row [width] at its own rank, and its scale."""

    row: torch.Tensor
    rank: int
    scale: float


@dataclass
class Stack:
    """The adapters that are on the base now.

    Attributes:
        model: The base model; its modules in `shapes` are wrapped while the stack is installed.
        shapes: Module name -> (in, out).
        routing: Set before each pass.
        rows: All weights [K, width], float32; the modules' parameters are views into it.
        grads: Their gradients, the same way (None while sampling).
        groups: The modules, those together that read the same input.
    """

    model: Any
    shapes: Mapping[str, tuple[int, int]]
    device: torch.device
    routing: Routing = field(default_factory=Routing)
    layout: Layout = field(init=False)
    rows: torch.Tensor = field(init=False)
    grads: torch.Tensor | None = None
    groups: list[list[str]] = field(init=False)
    scales: torch.Tensor = field(init=False)
    _modules: dict[str, StackedLinear] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.groups = shared_inputs(self.model, self.shapes)

    def install(self) -> None:
        """Wrap the base's modules, if they are not; `fill` comes next."""
        if self._modules:
            return
        for number, name in enumerate(self.shapes):
            module = StackedLinear(self.model.get_submodule(name), self.routing, number)
            self._put(name, module)
            self._modules[name] = module

    def uninstall(self) -> None:
        """Put the base's own modules back."""
        for name, module in self._modules.items():
            self._put(name, module.base)
        self._modules.clear()

    def fill(self, slots: Sequence[Slot], *, train: bool) -> None:
        """Replace all adapters by these."""
        self.layout = Layout(self.shapes, max(slot.rank for slot in slots))
        rows = [self.layout.fit(slot.row.to(self.device), slot.rank) for slot in slots]
        self.rows = torch.stack(rows)
        self.grads = torch.zeros_like(self.rows) if train else None
        self.scales = torch.tensor([slot.scale for slot in slots], device=self.device)
        scales = {slot.scale for slot in slots}
        alpha = scales.pop() if len(scales) == 1 else None
        weights = self.layout.views(self.rows)
        gradients = self.layout.views(self.grads) if self.grads is not None else {}
        for name, module in self._modules.items():
            module.a = nn.Parameter(weights[name][0], requires_grad=train)
            module.b = nn.Parameter(weights[name][1], requires_grad=train)
            module.scale, module.alpha = self.scales.view(-1, 1, 1), alpha
            if train:
                module.a.grad, module.b.grad = gradients[name]
        if train:
            self._fuse(alpha)

    def _fuse(self, alpha: float | None) -> None:
        """Compute the modules of each group together, where they can be."""
        assert self.grads is not None
        gradients = self.layout.views(self.grads)
        scale = self.scales.view(-1, 1, 1) if alpha is None else None
        for names in self.groups:
            modules = [self._modules[name] for name in names]
            if not all(fusible(module.base, self.rows.dtype) for module in modules):
                continue
            fusion = Fusion(
                FusedWeights(
                    a=self.layout.joined_a(self.rows, names),
                    grad=self.layout.joined_a(self.grads, names),
                    modules=[
                        ModuleWeights(module.base, module.b.detach(), gradients[name][1])
                        for name, module in zip(names, modules, strict=True)
                    ],
                    scale=scale,
                    alpha=1.0 if alpha is None else alpha,
                )
            )
            for index, module in enumerate(modules):
                module.fusion, module.fusion_index = fusion, index

    def layout_at(self, rank: int) -> Layout:
        """The layout of a row at a rank."""
        return Layout(self.shapes, rank)

    def row(self, slot: int, rank: int) -> torch.Tensor:
        """A copy of a slot's weights at its own rank."""
        return self.layout.at_rank(rank).fit(self.rows[slot], self.layout.rank).clone()

    def routing_mask(self, slots: torch.Tensor) -> torch.Tensor:
        """The mask of tokens that go through these slots (-1: the base).

        Args:
            slots: Any shape [...].

        Returns:
            [..., K·R], 1 in the columns of the token's own adapter.
        """
        count = self.rows.size(0)
        is_own = slots[..., None] == torch.arange(count, device=slots.device)  # [..., K]
        return is_own.repeat_interleave(self.layout.rank, dim=-1).to(torch.float32)

    def _put(self, name: str, module: nn.Module) -> None:
        parent, _, last = name.rpartition(".")
        setattr(self.model.get_submodule(parent), last, module)
