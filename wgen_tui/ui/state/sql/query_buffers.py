"""The queries that are being written, each with its text, its last result and its mistake.

Promises: a query's rows are never shown as those of another, and go when a later run of it brings
none; at most `RESULTS_KEPT` results are in memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from wgen_tui.errors import WgenError
from wgen_tui.ui.state.sql.console import Measured, summary

MOST = 9
RESULTS_KEPT = 3
NAMED_ERROR = re.compile(r"^(Parser|Catalog|Binder|Conversion) Error: ")  # the text says as much


@dataclass(slots=True)
class Mistake:
    """Why a run brought nothing.

    Attributes:
        what: The message.
        place: Line, column and width in the text, from 0.
        nearest: What could stand there instead.
        text_of: The text that the place is in.
        cancelled: Whether somebody ended it; nothing is wrong then.
    """

    what: str
    place: tuple[int, int, int] | None = None
    nearest: str = ""
    text_of: str = ""
    cancelled: bool = False

    @classmethod
    def of(cls, error: WgenError, text: str, start: tuple[int, int]) -> Mistake:
        """A mistake in a text of which a part, from line and column `start` on, was run."""
        there = getattr(error, "place", None)
        place = None
        if there is not None:
            shift = start[1] if there.line == 0 else 0
            place = (there.line + start[0], there.column + shift, there.width)
        what = getattr(error, "what", error.message)
        hint = "" if place else error.hint
        return cls(f"{what} {hint}".strip(), place, getattr(error, "nearest", ""), text)

    @property
    def text(self) -> str:
        """The message on one or two lines, with its place and what takes the offer."""
        first = NAMED_ERROR.sub("", self.what.split("\n")[0].strip())
        at = f"line {self.place[0] + 1}, column {self.place[1] + 1}: " if self.place else ""
        offer = f"\n{self.nearest}? ctrl+y takes it" if self.nearest else ""
        return f"{at}{first}{offer}"


@dataclass(slots=True)
class QueryBuffer:
    """One query.

    Attributes:
        shown: The rows of its last run; None if that failed or was cancelled.
        ran: The text that the rows are of.
        ran_in: The text that this was, or was a part of.
        let_go: Whether there were rows, which were dropped for those of other queries.
    """

    text: str
    shown: Measured | None = None
    ran: str = ""
    ran_in: str = ""
    let_go: bool = False
    mistake: Mistake | None = None
    first_column: int = 0
    row: int = 0
    cursor: tuple[int, int] | None = None

    def is_of(self, text: str) -> bool:
        """Whether the rows, if there are any, are of this text."""
        return self.shown is None or text == self.ran_in

    def result_title(self, text: str) -> str:
        """The heading of the rows above which this text stands: how many, how long it took."""
        if self.shown is None:
            return "result"
        what = "result" if self.is_of(text) else "result before the change"
        return f"{what} · {summary(self.shown)}"


@dataclass(slots=True)
class Queries:
    """All of them; one is in the editor."""

    every: list[QueryBuffer] = field(default_factory=list)
    at: int = 0
    _with_rows: list[QueryBuffer] = field(default_factory=list)

    @property
    def current(self) -> QueryBuffer:
        """The one in the editor."""
        return self.every[self.at]

    @property
    def title(self) -> str:
        """`query 2 of 3`."""
        return f"query {self.at + 1} of {len(self.every)}" if len(self.every) > 1 else "query"

    def keep(self, buffer: QueryBuffer, shown: Measured, ran: str, ran_in: str) -> None:
        """Give a query its rows; the query that was run longest ago loses its own."""
        buffer.shown, buffer.ran, buffer.ran_in, buffer.let_go = shown, ran, ran_in, False
        buffer.first_column = buffer.row = 0
        self._with_rows = [*(b for b in self._with_rows if b is not buffer), buffer]
        for old in self._with_rows[:-RESULTS_KEPT]:
            old.shown, old.let_go = None, True
        del self._with_rows[:-RESULTS_KEPT]

    def drop_rows(self, buffer: QueryBuffer) -> None:
        """Take a query's rows away: a later run of it brought none, or takes its time."""
        buffer.shown, buffer.let_go = None, False
        self._with_rows = [other for other in self._with_rows if other is not buffer]

    def add(self, text: str) -> bool:
        """Begin another one, behind the others; whether there is room for it."""
        if len(self.every) == MOST:
            return False
        self.every.append(QueryBuffer(text))
        self.at = len(self.every) - 1
        return True

    def replace(self, text: str) -> None:
        """Put another one in the place of the one in the editor."""
        self._with_rows = [buffer for buffer in self._with_rows if buffer is not self.current]
        self.every[self.at] = QueryBuffer(text)

    def move(self, by: int) -> bool:
        """Go to the next one, or the one before; whether there is another."""
        if len(self.every) < 2:
            return False
        self.at = (self.at + by) % len(self.every)
        return True

    def close(self) -> None:
        """Drop the one in the editor; the last one is emptied instead."""
        self._with_rows = [buffer for buffer in self._with_rows if buffer is not self.current]
        del self.every[self.at]
        if not self.every:
            self.every.append(QueryBuffer(""))
        self.at = min(self.at, len(self.every) - 1)
