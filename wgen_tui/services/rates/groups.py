"""What rates and read-outs are grouped by, and which checkpoints are meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Literal, Protocol, TypeVar

Checkpoint = Literal["final", "all"] | int
Group = tuple[str, str, str, int]  # model, role, arm, step
ROLES = {"treatment": 0, "control": 1, "benign": 2, "base": 3}


class Sampled(Protocol):
    """Something of one run at one of its checkpoints."""

    @property
    def run_id(self) -> str: ...
    @property
    def arm(self) -> str: ...
    @property
    def step(self) -> int: ...


S = TypeVar("S", bound=Sampled)


def group_order(group: Group) -> tuple[str, int, str, int]:
    """Sorts groups: by model, the treated arms first, the base last."""
    model, role, arm, step = group
    return model, ROLES.get(role, 3), arm, step


def at_checkpoint(rows: Iterable[S], checkpoint: Checkpoint) -> list[S]:
    """The rows of the last checkpoint of each run, of all, or of one step (and what has none)."""
    listed = list(rows)
    if checkpoint == "all":
        return listed
    if checkpoint == "final":
        last: dict[str, int] = defaultdict(int)
        for row in listed:
            last[row.run_id] = max(last[row.run_id], row.step)
        return [row for row in listed if row.step == last[row.run_id]]
    return [row for row in listed if row.step in (checkpoint, 0)]  # 0: without training
