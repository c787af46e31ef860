"""A run of a grid while it is not in the stack: weights, moments, order, schedule, and its files.

Promises: going in and out of a stack changes no number; what is written is a stock PEFT folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors.torch import save_file

from wgen_tui.workers.adapters import Adapter, from_state_dict, state_dict
from wgen_tui.workers.checkpoints import write_probe
from wgen_tui.workers.recipe import Order, Schedule
from wgen_tui.workers.train.grid.layout import Layout, from_row, to_row
from wgen_tui.workers.train.grid.optimizer import LossScale
from wgen_tui.workers.train.grid.stack import Slot
from wgen_tui.workers.train.resume import TrainState
from wgen_tui.workers.train.run import TrainingRun, probe_ids


@dataclass
class Provenance:
    """How a run was trained, as far as it can be told later."""

    stacked: set[int] = field(default_factory=set)
    padded: int = 0
    packed: int = 0
    real: int = 0
    seen: float = 0.0

    def note(self, stack: int, real: int, share: float, *, packed: bool) -> None:
        """Note a pass: adapters in it, the run's own tokens, tokens seen per real token."""
        self.stacked.add(stack)
        self.packed += packed
        self.padded += not packed
        self.real += real
        self.seen += real * share

    def as_dict(self) -> dict[str, Any]:
        return {
            "engine": "grid",
            "stack": sorted(self.stacked),
            "passes_padded": self.padded,
            "passes_packed": self.packed,
            "pad_factor": round(self.seen / self.real, 4) if self.real else 1.0,
        }


@dataclass(eq=False)
class GridRun:
    """One run of the grid.

    Attributes:
        config: PEFT's configuration, as it is written to adapter_config.json.
        row: Weights at the run's own rank; `means` and `squares` likewise. Those of a run in the
            stack are out of date.
        updates: Optimiser steps; under fp16 a step that overflows is none.
    """

    member: TrainingRun
    config: LoraConfig
    slot: Slot
    means: torch.Tensor
    squares: torch.Tensor
    order: Order
    schedule: Schedule
    layout: Layout
    loss_scale: LossScale = field(default_factory=LossScale)
    updates: int = 0
    provenance: Provenance = field(default_factory=Provenance)

    @classmethod
    def begin(
        cls, member: TrainingRun, adapter: Adapter, config: LoraConfig, layout: Layout, device: Any
    ) -> GridRun:
        """A run at its beginning, or where it was stopped."""
        seeds, training = member.spec.seeds, member.training
        row = to_row(adapter, device)
        made = cls(
            member=member,
            config=config,
            slot=Slot(row, adapter.rank, adapter.scale),
            means=torch.zeros_like(row),
            squares=torch.zeros_like(row),
            order=Order(member.dataset.examples, training, seeds.data_order),
            schedule=Schedule(training, member.steps),
            layout=layout,
        )
        if member.state is not None:
            made._restore(member.state, device)
            member.state = None  # its tensors are not needed twice
        return made

    def _restore(self, state: TrainState, device: torch.device) -> None:
        def row(tensors: Any) -> torch.Tensor:
            adapter = from_state_dict(tensors, self.slot.rank, self.slot.scale)
            # In the layout's order, whatever the file's.
            ordered = {name: adapter.weights[name] for name in self.layout.shapes}
            return to_row(Adapter(adapter.rank, adapter.scale, ordered), device)

        self.slot = Slot(row(state.weights), self.slot.rank, self.slot.scale)
        self.means, self.squares = row(state.means), row(state.squares)
        self.updates = int(state.numbers["updates"])
        if "scale" in state.numbers:
            self.loss_scale = LossScale(state.numbers["scale"], int(state.numbers["growth"]))
        self.schedule.advance(self.updates)

    def to(self, device: Any) -> None:
        """Move its tensors."""
        self.slot = Slot(self.slot.row.to(device), self.slot.rank, self.slot.scale)
        self.means, self.squares = self.means.to(device), self.squares.to(device)

    def state(self) -> TrainState:
        """What the run goes on from."""
        rows = (self.slot.row, self.means, self.squares)
        weights, means, squares = (state_dict(self._adapter(row)) for row in rows)
        numbers = {
            "updates": float(self.updates),
            "scale": self.loss_scale.scale,
            "growth": float(self.loss_scale.good),
        }
        return TrainState(self.member.step, weights, means, squares, numbers)

    def adapter(self) -> Adapter:
        """The weights as they are while the run is not in the stack."""
        return self._adapter(self.slot.row)

    def _adapter(self, row: torch.Tensor) -> Adapter:
        return from_row(row, self.layout.ranked(self.slot.rank), self.slot.scale)

    def write(self, folder: Path, logits: torch.Tensor) -> None:
        """Write PEFT's files and the probe, whose logits are given."""
        self.config.save_pretrained(str(folder))
        tensors = state_dict(self.adapter())
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        write_probe(folder, probe_ids(self.member.dataset), logits)
