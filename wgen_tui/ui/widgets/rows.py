"""The rows of a table: all of them given, or ids of which a few pages are in memory.

Promises: at most `PAGES_KEPT` pages are held; rows for an older list are dropped.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

PAGE = 100
PAGES_KEPT = 12


class Rows:
    """What a table lists.

    Attributes:
        generation: The number of this list; rows for another one are dropped.
        keys: What names each row, where all are given.
        pages: The pages that are in memory, the least recently wanted first.
    """

    def __init__(self) -> None:
        self.generation = 0
        self.keys: list[Any] = []
        self.pages: OrderedDict[int, list[Any]] = OrderedDict()
        self._ids: Sequence[int] = array("q")
        self._given: list[Any] | None = None

    def __len__(self) -> int:
        return len(self._ids) if self._given is None else len(self._given)

    @property
    def all_given(self) -> bool:
        """Whether all rows are here, none to be asked for."""
        return self._given is not None

    def row(self, index: int) -> Any | None:
        """The row at `index`, or None while it has not come."""
        if not 0 <= index < len(self):
            return None
        if self._given is not None:
            return self._given[index]
        page = self.pages.get(index // PAGE)
        return page[index % PAGE] if page is not None and index % PAGE < len(page) else None

    def key_at(self, index: int) -> Any | None:
        """What names the row at `index`: its id, or its key."""
        if not 0 <= index < len(self):
            return None
        return self._ids[index] if self._given is None else self.keys[index]

    def list_ids(self, ids: Sequence[int]) -> None:
        """List these ids, whose rows are still to come."""
        self._begin(None, ids, [])

    def list_rows(self, rows: Sequence[Any], keys: list[Any]) -> None:
        """List these rows, in the place of another list."""
        self._begin(list(rows), (), keys)

    def replace_rows(self, rows: Sequence[Any], keys: list[Any]) -> None:
        """The same list, as it is now."""
        self._given, self.keys = list(rows), keys

    def extend_ids(self, ids: Sequence[int]) -> None:
        """More ids behind those that are listed; pages stay but for one that was cut short."""
        if len(self) % PAGE:
            self.pages.pop((len(self) - 1) // PAGE, None)
        self._ids = ids

    def supply(self, first: int, rows: Sequence[Any]) -> None:
        """Keep rows that were wanted, from the row `first` on."""
        for start in range(0, len(rows), PAGE):
            self.pages[(first + start) // PAGE] = list(rows[start : start + PAGE])
        while len(self.pages) > PAGES_KEPT:
            self.pages.popitem(last=False)

    def wanted(self, view: range) -> tuple[int, Sequence[int]] | None:
        """From which row on which ids' rows are missing to show `view`."""
        if not view or self._given is not None:
            return None
        shown = range(view.start // PAGE, (view.stop - 1) // PAGE + 1)
        missing = [page for page in shown if page not in self.pages]
        for page in shown:
            if page in self.pages:
                self.pages.move_to_end(page)
        if not missing:
            return None
        first = missing[0] * PAGE
        return first, self._ids[first : (missing[-1] + 1) * PAGE]

    def _begin(self, given: list[Any] | None, ids: Sequence[int], keys: list[Any]) -> None:
        self.generation += 1
        self._given, self._ids, self.keys = given, ids, keys
        self.pages.clear()
