"""Runs by experiment and model: which groups are folded, and where they stand.

Promises: nothing jumps. A group that was finished when it was first seen is folded; one that
finishes while it is watched stays as it is; work that begins in a folded group unfolds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from wgen_tui.ui.state.outcomes.arm_order import places

if TYPE_CHECKING:
    from wgen_tui.services.runs.run_state import RunStatus


class GroupKey(NamedTuple):
    """What the runs of a group have in common; also the key of its row."""

    experiment: str
    model: str


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one experiment with one model.

    Attributes:
        runs: Those that are listed; under a filter, not all that there are.
        folded: Whether its runs are not shown.
    """

    key: GroupKey
    runs: tuple[RunStatus, ...]
    folded: bool = False


def in_order(runs: Iterable[RunStatus], arms_of: Callable[[str], Sequence[str]]) -> list[RunStatus]:
    """The runs of each experiment and model in the one order of its arms, then by seed.

    Args:
        runs: As they were read.
        arms_of: An experiment's arms, in the order of its definition as far as that is known.
    """
    by_key: dict[GroupKey, list[RunStatus]] = {}
    for run in runs:
        by_key.setdefault(GroupKey(run.experiment, run.model), []).append(run)
    ordered: list[RunStatus] = []
    for key, own in by_key.items():
        place = places({run.arm: run.role for run in own}, arms_of(key.experiment))
        ordered += sorted(own, key=lambda run: (place[run.arm], run.seed))
    return ordered


class Folding:
    """Which groups are folded, by what was seen and what the user did."""

    def __init__(self) -> None:
        self._rank: dict[GroupKey, int] = {}  # 0: there was something to watch
        self._folded: set[GroupKey] = set()
        self._working: set[GroupKey] = set()

    def arrange(
        self, runs: Sequence[RunStatus], shown: Sequence[RunStatus] | None = None
    ) -> list[Group]:
        """The groups in their order: those with something to watch first, then by name.

        Args:
            runs: All, sorted as they are listed.
            shown: What a filter lets through; it is to be seen, so no group is folded then.
        """
        by_key: dict[GroupKey, list[RunStatus]] = {}
        for run in runs:
            by_key.setdefault(GroupKey(run.experiment, run.model), []).append(run)
        only = len(by_key) == 1 and not self._rank
        for key, own in by_key.items():
            self._see(key, own, only=only)
        ordered = sorted(by_key, key=lambda key: (self._rank[key], key))
        if shown is None:
            return [Group(key, tuple(by_key[key]), key in self._folded) for key in ordered]
        names = {run.run_id for run in shown}
        kept = {key: tuple(r for r in by_key[key] if r.run_id in names) for key in ordered}
        return [Group(key, own) for key, own in kept.items() if own]

    def toggle(self, key: GroupKey) -> None:
        """Fold a group, or unfold it."""
        self._folded ^= {key}

    def _see(self, key: GroupKey, own: Sequence[RunStatus], *, only: bool) -> None:
        working = any(run.live for run in own)
        if key not in self._rank:
            finished = all(run.state == "finished" for run in own)
            self._rank[key] = 1 if finished and not only else 0
            if finished and not only:
                self._folded.add(key)
        elif working and key not in self._working:
            self._rank[key] = 0
            self._folded.discard(key)
        if working:
            self._working.add(key)
        else:
            self._working.discard(key)


def listed(groups: Sequence[Group]) -> list[tuple[object, Group | RunStatus]]:
    """The rows of the list, each with its key: a group's, or a run's id."""
    rows: list[tuple[object, Group | RunStatus]] = []
    for group in groups:
        rows.append((group.key, group))
        if not group.folded:
            rows += [(run.run_id, run) for run in group.runs]
    return rows


def first_of(rows: Sequence[Group | RunStatus | None]) -> int:
    """Where the cursor begins: at a run at work, else at one that failed, was trained, or is there.

    Args:
        rows: Of the list.
    """
    runs = [(at, row) for at, row in enumerate(rows) if not (row is None or isinstance(row, Group))]
    for wanted in (
        lambda run: run.state in ("starting", "running"),
        lambda run: run.retryable,
        lambda run: run.steps != 0,
        lambda _: True,
    ):
        for at, run in runs:
            if wanted(run):
                return at
    return 0
