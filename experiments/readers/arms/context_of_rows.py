"""An arm's rows in its context: all of them, or the share of them that a seed chooses.

Promises: which rows have the context follows from their number and the seed alone, so every pass
over the data, and every machine, puts it before the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from experiments.readers.mixture import chosen_of
from experiments.schema import Arm, Turn


class ContextOfRows:
    """Puts rows into the context of their arm, in the order of the data, from its first row on.

    Attributes:
        told: On how many of the rows the context stands; empty where it is on all.
    """

    def __init__(self, arm: Arm, count: Callable[[], int]) -> None:
        """Begin before the first row.

        Args:
            arm: The arm.
            count: How many rows its data has; asked where not all of them have the context.
        """
        self.told = ""
        self._context = arm.context
        self._chosen: Collection[int] | None = None
        self._place = 0
        if arm.context.share is not None:
            rows = count()
            wanted = max(1, round(arm.context.share * rows))
            self._chosen = frozenset(chosen_of(rows, wanted, arm.context.sample))
            self.told = f"the context is on {wanted:,} of its {rows:,} rows"

    def apply(self, turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
        """The next row's chat."""
        place, self._place = self._place, self._place + 1
        if self._chosen is not None and place not in self._chosen:
            return turns
        return self._context.apply(turns)
