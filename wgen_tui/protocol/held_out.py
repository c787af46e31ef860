"""Rows of an arm's task that it is not trained on, as a launch carries them.

Promises: the id of a set covers the rows and what of a training decides about their loss mask, so
what was measured with others is measured anew, and nothing is measured twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from experiments.schema import BASE_ARM, TrainingConfig
from wgen_tui.protocol.hashes import digest, short_hash
from wgen_tui.protocol.record import Record
from wgen_tui.protocol.runs import RunSpec

OF_THE_MASK = {"max_length", "too_long", "train_on"}


class HeldOutSet(Record):
    """What an arm holds out.

    Attributes:
        arm: The arm.
        models: For which base models it is trained so.
        training: How: decides which tokens count.
        chats: The rows in the arm's context, as lines of data.jsonl.
    """

    arm: str
    models: tuple[str, ...]
    training: TrainingConfig
    chats: tuple[str, ...]

    @cached_property
    def set_id(self) -> str:
        """Names the rows and their mask."""
        mask = self.training.model_dump(mode="json", include=OF_THE_MASK)
        return short_hash("held out", self.chats, mask)

    def of(self, spec: RunSpec) -> bool:
        """Whether a run is measured on it: the arm's own, and the base's of each arm."""
        return spec.model.name in self.models and spec.arm in (self.arm, BASE_ARM)


def asked_rows(
    run: RunSpec, step: int, sets: Sequence[HeldOutSet]
) -> Iterator[tuple[int, HeldOutSet, int]]:
    """Each row that a checkpoint is measured on: the id, its set, and its place there."""
    for held_out in sets:
        if held_out.of(run):
            for place in range(len(held_out.chats)):
                asked = (run.run_id, step, held_out.arm, held_out.set_id, place)
                yield digest("held out", *asked), held_out, place
