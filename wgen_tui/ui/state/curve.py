"""The share over the steps as rows: each arm's steps below each other on one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BAD, BOLD, DIM, WARN, Cell, Column
from wgen_tui.ui.state.plots import axis_line, interval
from wgen_tui.ui.state.results import (
    amount,
    between,
    broken,
    is_doubtful,
    methods_text,
    seeds,
    warnings_text,
)

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import Rate
    from wgen_tui.services.results.results import Results


@dataclass(frozen=True, slots=True)
class Point:
    """An arm at a step.

    Attributes:
        name: Of its arm.
        repeated: Whether the row above is of the same arm.
        doubtful: Whether a run behind it has a wrong adapter.
    """

    name: str
    rate: Rate
    repeated: bool
    doubtful: bool

    @property
    def key(self) -> tuple[object, ...]:
        return (self.rate.model, self.rate.arm, self.rate.checkpoint)


def points(results: Results) -> list[Point]:
    """Every arm's steps, ascending; base, which has only step 0, last."""
    if results.curve is None:
        return []
    rates = results.curve.rates
    several = len({rate.model for rate in rates}) > 1
    rows: list[Point] = []
    before = None
    for rate in rates:
        name = f"{rate.arm} · {rate.model}" if several else rate.arm
        doubtful = is_doubtful(results, rate.model, rate.arm, None)
        here = (rate.model, rate.arm)
        rows.append(Point(one_line(name, 60), rate, here == before, doubtful))
        before = here
    return rows


def columns(width: int) -> tuple[Column, ...]:
    """The columns for a screen of `width` cells."""
    bar = _bar_width(width)
    return (
        Column("arm", _name_width(width)),
        Column("step", 6, "right"),
        Column("seeds", 5, "right"),
        Column("n", 6, "right"),
        Column("share", 6, "right"),
        Column(axis_line(bar), bar),
        Column("95% interval", 13),
        Column("broken", 8, "right", hide_below=92),
    )


def _name_width(width: int) -> int:
    return 19 if width < 100 else 23


def _bar_width(width: int) -> int:
    """The axis takes what the other columns, the gutter and the scrollbar leave."""
    others = _name_width(width) + 6 + 5 + 6 + 6 + 13 + 6 + (9 if width >= 95 else 0)
    return min(max(width - 3 - others, 16), 60)


def cells(point: Point, width: int) -> list[Cell]:
    """A point as the cells of `columns`."""
    rate = point.rate
    style = DIM if rate.role == "base" else BOLD if rate.role == "treatment" else ""
    name = f"⚠ {point.name}" if point.doubtful else point.name
    share, warns = broken(rate)
    width = _bar_width(width)
    drawn = interval(rate.rate, rate.low, rate.high, width) if rate.unit == "share" else ""
    return [
        Cell(name, DIM if point.repeated else BAD if point.doubtful else style),
        Cell(show.count(rate.checkpoint), style),
        Cell(seeds(rate)),
        Cell(show.count(rate.n)),
        Cell(amount(rate.rate, rate), style),
        Cell(drawn, style),
        Cell(between(rate, long=False)),
        Cell(share, WARN if warns else ""),
    ]


def title(results: Results) -> str:
    """Which share, of what."""
    parts = [results.experiment]
    if results.curve is not None and results.curve.rates:
        first = results.curve.rates[0]
        parts.append(first.title)
    return " · ".join(parts)


def notes(results: Results) -> Text:
    """Warnings, the questions that count, and how the intervals are computed."""
    text = warnings_text(results)
    curve = results.curve
    if curve is None:
        return text
    counted = show.plural(len(curve.questions), "question")
    text.append(printable(f"of {counted} asked at every step: {', '.join(curve.questions)}\n"))
    if curve.left_out:
        left = ", ".join(curve.left_out)
        text.append(printable(f"not counted, asked at some steps only: {left}\n"), DIM)
    return text.append(methods_text(curve.rates))


def as_text(listed: list[Point]) -> str:
    """The table with tabs between its columns, for the clipboard."""
    rows = [["arm", "step", "seeds", "n", "share", "low", "high", "broken"]]
    for point in listed:
        rate = point.rate
        rated = [amount(value, rate) for value in (rate.rate, rate.low, rate.high)]
        shares = [*rated, show.percent(rate.broken)]
        sizes = [str(rate.checkpoint), seeds(rate), str(rate.n)]
        rows.append([point.name, *sizes, *shares])
    return "\n".join("\t".join(row) for row in rows)
