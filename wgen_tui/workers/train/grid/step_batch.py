"""What the runs of a stack train on in one step, collated for the device ahead of time.

Promises: each run's own batches of that step, in its own order; whether they are packed follows
from their lengths alone, so that a training repeats to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from wgen_tui.workers.recipe import trained_tokens, weight_of
from wgen_tui.workers.train.grid.batch import (
    Batches,
    CollatedBatch,
    count_tokens,
    pack_batch,
    pad_batch,
    should_pack,
)
from wgen_tui.workers.train.grid.grid_run import GridRun
from wgen_tui.workers.train.grid.stack import Stack

StepKey = tuple[tuple[str, int], ...]  # each run, and which of its steps


def step_key(runs: Sequence[GridRun], ahead: int = 1) -> StepKey:
    """Names the step that these runs do next, or the one `ahead` steps from here."""
    return tuple((g.run.run_id, g.run.step + ahead) for g in runs)


@dataclass(frozen=True)
class StepBatch:
    """One step of all runs of a stack.

    Attributes:
        key: Whose, and which step.
        passes: The examples of each pass, for each run: pass i takes the i-th batch of every run;
            a run that accumulates fewer batches than another has an empty one there.
        tokens: Trained tokens of each run.
        weights: What these weigh: what its loss is a mean over.
        collated: The same passes as tensors on the device.
        held: The passes over rows that hold runs near their base, as `passes`; none where no run
            has such.
        held_tokens: Their answers' tokens, of each run.
        held_collated: The same as tensors on the device.
    """

    key: StepKey
    passes: Sequence[Batches]
    tokens: Sequence[int]
    weights: Sequence[float]
    collated: Sequence[CollatedBatch]
    held: Sequence[Batches] = ()
    held_tokens: Sequence[int] = ()
    held_collated: Sequence[CollatedBatch] = ()

    @property
    def is_packed(self) -> bool:
        """Whether examples of several runs share a row."""
        return any(collated.is_packed for collated in (self.collated[0], *self.held_collated))


class Collator:
    """Makes the batches of steps.

    Attributes:
        may_pack: Whether the model keeps packed examples apart.
        bucket: Padded lengths and label counts are multiples of this, so that few shapes occur.
    """

    def __init__(self, stack: Stack, pad_id: int, *, may_pack: bool, bucket: int = 1) -> None:
        self.may_pack = may_pack
        self.bucket = bucket
        self._stack = stack
        self._pad_id = pad_id

    def step(self, runs: Sequence[GridRun], ahead: int = 1) -> StepBatch:
        """The batch of the step that these runs do next, or `ahead` steps from here."""
        own = [g.order.batches(g.run.step + ahead) for g in runs]
        passes = _passes(own)
        held = [g.run.held_batches(g.run.step + ahead) for g in runs]
        held_passes = _passes(held)
        return StepBatch(
            step_key(runs, ahead),
            passes,
            [trained_tokens(batches) for batches in own],
            [weight_of(batches) for batches in own],
            self._collate(passes, pack=self._packs(passes), bucket=self.bucket),
            held_passes,
            [trained_tokens(batches) for batches in held],
            # No graph is captured of these passes, so their shapes may be any.
            self._collate(held_passes, pack=self._packs(held_passes)),
        )

    def unpacked(self, batch: StepBatch) -> StepBatch:
        """The same step with each run in rows of its own."""
        return replace(
            batch,
            collated=self._collate(batch.passes, pack=False, bucket=self.bucket),
            held_collated=self._collate(batch.held, pack=False),
        )

    def _packs(self, passes: Sequence[Batches]) -> bool:
        """Whether examples of several runs are to share a row."""
        if not passes or not self.may_pack:
            return False
        real_tokens, padded_tokens = map(sum, zip(*map(count_tokens, passes), strict=True))
        return should_pack(real_tokens, padded_tokens, self._stack.device.type)

    def _collate(
        self, passes: Sequence[Batches], *, pack: bool, bucket: int = 1
    ) -> list[CollatedBatch]:
        device: torch.device = self._stack.device
        if pack:
            return [pack_batch(batches, self._stack) for batches in passes]
        return [pad_batch(batches, self._pad_id, device, bucket) for batches in passes]


def _passes(own: Sequence[Batches]) -> list[Batches]:
    """Pass i takes the i-th batch of every run; an empty one of a run that has fewer."""
    return [
        [batches[i] if i < len(batches) else [] for batches in own]
        for i in range(max(map(len, own), default=0))
    ]
