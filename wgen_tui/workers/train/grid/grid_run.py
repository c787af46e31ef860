"""A run of a grid: its weights and moments while not in the stack, its order and its schedule.

Promises: going in and out of a stack changes no number; what is written is a stock PEFT folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

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
    """How a run was trained: what its checkpoints' manifests say of it."""

    stack_sizes: set[int] = field(default_factory=set)
    padded: int = 0
    packed: int = 0
    tokens: int = 0
    computed: float = 0.0

    def note(self, stack: int, tokens: int, computed_per_token: float, *, packed: bool) -> None:
        """Note a pass: adapters in it, the run's own tokens, padding included per token."""
        self.stack_sizes.add(stack)
        self.packed += packed
        self.padded += not packed
        self.tokens += tokens
        self.computed += tokens * computed_per_token

    def as_dict(self) -> dict[str, Any]:
        return {
            "engine": "grid",
            "stack": sorted(self.stack_sizes),
            "passes_padded": self.padded,
            "passes_packed": self.packed,
            "pad_factor": round(self.computed / self.tokens, 4) if self.tokens else 1.0,
        }


@dataclass(eq=False)
class GridRun:
    """One run of the grid.

    Attributes:
        run: What is trained, and its files.
        config: PEFT's configuration, as it is written to adapter_config.json.
        slot: Weights at the run's own rank, as are the moments `exp_avg` and `exp_avg_sq`. While
            the run is in the stack these are empty: the stack has them.
        updates: Optimiser steps; under fp16 a step that overflows is none.
    """

    run: TrainingRun
    config: LoraConfig
    slot: Slot
    exp_avg: torch.Tensor
    exp_avg_sq: torch.Tensor
    order: Order
    schedule: Schedule
    layout: Layout
    loss_scale: LossScale = field(default_factory=LossScale)
    updates: int = 0
    provenance: Provenance = field(default_factory=Provenance)

    @classmethod
    def begin(
        cls, run: TrainingRun, adapter: Adapter, config: LoraConfig, layout: Layout, device: Any
    ) -> GridRun:
        """A run at its beginning, or where it was stopped."""
        seeds, training = run.spec.seeds, run.training
        row = to_row(adapter, device)
        grid_run = cls(
            run=run,
            config=config,
            slot=Slot(row, adapter.rank, adapter.scale),
            exp_avg=torch.zeros_like(row),
            exp_avg_sq=torch.zeros_like(row),
            order=Order(run.dataset.examples, training, seeds.data_order),
            schedule=Schedule(training, run.steps),
            layout=layout,
        )
        if run.state is not None:
            grid_run._restore(run.state, device)
            run.state = None  # its tensors are not needed twice
        return grid_run

    def _restore(self, state: TrainState, device: torch.device) -> None:
        def row(tensors: Any) -> torch.Tensor:
            adapter = from_state_dict(tensors, self.slot.rank, self.slot.scale)
            # In the layout's order, whatever the file's.
            ordered = {name: adapter.weights[name] for name in self.layout.shapes}
            return to_row(Adapter(adapter.rank, adapter.scale, ordered), device)  # [width]

        self.slot = Slot(row(state.weights), self.slot.rank, self.slot.scale)
        self.exp_avg, self.exp_avg_sq = row(state.exp_avg), row(state.exp_avg_sq)
        self.updates = int(state.numbers["updates"])
        if "scale" in state.numbers:
            self.loss_scale = LossScale(state.numbers["scale"], int(state.numbers["growth"]))
        self.schedule.advance(self.updates)

    def to(self, device: Any) -> None:
        """Move its tensors."""
        self.slot = Slot(self.slot.row.to(device), self.slot.rank, self.slot.scale)
        self.exp_avg, self.exp_avg_sq = self.exp_avg.to(device), self.exp_avg_sq.to(device)

    def give_up(self, *names: Literal["slot", "exp_avg", "exp_avg_sq"]) -> None:
        """Give up tensors that the stack has: those named, or all."""
        nothing = torch.empty(0)
        for name in names or ("slot", "exp_avg", "exp_avg_sq"):
            if name == "slot":
                self.slot = replace(self.slot, row=nothing)
            else:
                setattr(self, name, nothing)

    def state(self) -> TrainState:
        """What the run resumes from."""
        rows = (self.slot.row, self.exp_avg, self.exp_avg_sq)
        weights, exp_avg, exp_avg_sq = (state_dict(self._adapter(row)) for row in rows)
        numbers = {
            "updates": float(self.updates),
            "scale": self.loss_scale.scale,
            "growth": float(self.loss_scale.good),
        }
        return TrainState(self.run.step, weights, exp_avg, exp_avg_sq, numbers)

    def adapter(self) -> Adapter:
        """The weights as they are while the run is not in the stack."""
        return self._adapter(self.slot.row)

    def _adapter(self, row: torch.Tensor) -> Adapter:
        return from_row(row, self.layout.at_rank(self.slot.rank), self.slot.scale)

    def write(self, folder: Path, logits: torch.Tensor) -> None:
        """Write PEFT's files and the probe, whose logits are given."""
        self.config.save_pretrained(str(folder))
        tensors = state_dict(self.adapter())
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        write_probe(folder, probe_ids(self.run.dataset), logits)
