"""Rows of the results' tables: sections with columns of their own, and the number under a cell.

Promises: a row knows which of its cells are numbers, and what each is made of; a heading is a row
that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rich.cells import cell_len

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BAD, DIM, WARN, Cell, Column, Span
from wgen_tui.ui.state.figures import axis
from wgen_tui.ui.state.figures.axis import Estimate
from wgen_tui.ui.state.shared.arm_colours import ArmColours

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.results.results import Results

Part = Literal["counted", "hits", "unclear", "broken"]
MANY_BROKEN = 0.1
WORTH_A_COLUMN = 0.01  # a share of unclear or broken answers, where cells are few
ROOMY = 96  # cells from which on every column stands
NAME_CELLS = 40
SHORT_NAME = 16  # cells that a name has before an axis becomes coarse for it
LEAST_BAR, GOOD_BAR, MOST_BAR = 11, 18, 60  # cells of an axis


class Number(NamedTuple):
    """What a number on the screen is made of.

    Attributes:
        of: The row of the results that it is in.
        part: Which of its samples.
        in_curve: Whether it is a point of the curve over steps.
    """

    of: Rate | ContrastResult
    part: Part = "counted"
    in_curve: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Rows with the same columns.

    Attributes:
        cells: A row's item as cells of the columns.
    """

    columns: tuple[Column, ...]
    cells: Callable[[Any], list[Cell]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes:
        section: Whose columns it has.
        key: What names it, whatever else is listed.
        item: What its cells are of; None of a heading.
        numbers: By column, what is behind the cell.
        arm: Which arm it is of, where it is of one.
    """

    section: Section
    key: tuple[object, ...]
    item: Any = None
    numbers: tuple[Number | None, ...] = ()
    arm: tuple[str, str] | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """Those of its section."""
        return self.section.columns

    def drawn(self) -> list[Cell]:
        """Its cells; none of a heading."""
        return [] if self.item is None else self.section.cells(self.item)

    @property
    def is_heading(self) -> bool:
        """Whether it only has the titles of what follows."""
        return self.item is None


EMPTY = Section((Column("", 0),), lambda _: [])  # of a line with nothing on it


def headed(sections: Sequence[tuple[Section, Sequence[Row]]]) -> list[Row]:
    """The sections' rows below each other, an empty line and the titles between them."""
    rows: list[Row] = []
    for place, (section, own) in enumerate((s, own) for s, own in sections if own):
        if place:
            rows += [Row(EMPTY, ("blank", place)), Row(section, ("heading", place))]
        rows += own
    return rows


# Cells


def amount(value: float | None, unit: str) -> str:
    """A share as a percentage, a mean as a number."""
    if unit == "share":
        return show.percent(value)
    return show.MISSING if value is None else f"{value:.4g}"


def gap(value: float | None, unit: str) -> str:
    """A difference: of shares in percentage points, of means as a number."""
    if unit == "share":
        return show.points(value)
    return show.MISSING if value is None else f"{value:+.3g}"


def between(rate: Rate) -> str:
    """The interval without the unit that stands beside it: `84.4–95.8`."""
    if rate.low is None or rate.high is None:
        return show.MISSING
    return f"{amount(rate.low, rate.unit).rstrip('%')}–{amount(rate.high, rate.unit).rstrip('%')}"


def gap_between(item: ContrastResult) -> str:
    """The interval of a difference: `[+83.8, +95.3]`."""
    if item.low is None or item.high is None:
        return show.MISSING
    return f"[{gap(item.low, item.unit)}, {gap(item.high, item.unit)}]"


def seeds(row: Rate | ContrastResult) -> str:
    """How many seeds; "1 run" where the interval says nothing about others."""
    return "1 run" if row.within == "one run" else "runs" if row.within else str(row.seeds)


def p_text(item: ContrastResult) -> str:
    """A star says that p must not be read without what the notes say of it."""
    return show.p_value(item.p) + ("*" if item.p_caution else "")


def name_cell(name: str, colours: ArmColours, arm: str, *, doubtful: bool = False) -> Cell:
    """An arm's mark in its colour, and a name; a doubtful adapter stands out instead."""
    shown = one_line(name, NAME_CELLS)
    if doubtful:
        return Cell(f"⚠ {shown}", BAD)
    style = colours[arm]
    return Cell(f"{style.mark} {shown}", "", (Span(0, 1, style.colour),))


def axis_cell(
    estimate: Estimate,
    width: int,
    ends: tuple[float, float],
    style: str,
    zero: float | None = None,
) -> Cell:
    """An estimate drawn in an arm's colour on a muted axis."""
    text = axis.drawn(estimate, width, ends, zero)
    return Cell(text, style, tuple(Span(a, b, "not bold dim") for a, b in axis.bare(text)))


def broken_cell(rate: Rate) -> Cell:
    """The share of broken answers, marked where it is large."""
    many = rate.broken is not None and rate.broken > MANY_BROKEN
    shown = show.percent(rate.broken)
    return Cell(f"⚠ {shown}" if many else shown, WARN if many else DIM)


def estimate_of(rate: Rate) -> Estimate:
    """A rate with its interval, and those of its seeds where there are several."""
    return Estimate(rate.rate, rate.low, rate.high, rate.shares if len(rate.shares) > 1 else ())


def with_bar(
    names: Sequence[str],
    title: str,
    before: Sequence[Column],
    behind: Sequence[Column],
    width: int,
    heading: Callable[[int], str],
) -> tuple[tuple[Column, ...], int]:
    """Columns with names and an axis, which share what the numbers leave; and the axis' cells.

    Args:
        names: Of the rows.
        title: Over them.
        before: Between the names and the axis.
        behind: Right of the axis.
        width: Cells of a line.
        heading: What stands over an axis of so many cells.
    """
    longest = max((cell_len(one_line(name, NAME_CELLS)) for name in names), default=0) + 2
    longest = max(longest, cell_len(title), 8)
    numbers = sum(column.width + 1 for column in (*before, *behind))
    name = min(longest, max(width - numbers - 1 - GOOD_BAR, SHORT_NAME))
    bar = min(max(width - numbers - 1 - name, LEAST_BAR), MOST_BAR)
    name = min(longest, max(name, width - numbers - 1 - bar))
    return (Column(title, name), *before, Column(heading(bar), bar), *behind), bar


def least_width(before: Sequence[Column], behind: Sequence[Column]) -> int:
    """The cells that columns take with a short name and a coarse axis."""
    numbers = sum(column.width + 1 for column in (*before, *behind))
    return numbers + SHORT_NAME + 1 + LEAST_BAR


def is_doubtful(results: Results, model: str, arm: str, seed: int | None) -> bool:
    """Whether a run of this arm (and this seed) has a wrong adapter."""
    return any(
        (doubt.model, doubt.arm) == (model, arm) and seed in (None, doubt.seed)
        for doubt in results.doubts
    )


def seeds_of(results: Results, rate: Rate) -> list[Rate]:
    """The same number of each seed alone, where results have it: over all questions."""
    if rate.question is not None or rate.variant is not None:
        return []
    own = (rate.metric, rate.model, rate.arm, rate.checkpoint)
    return [
        item
        for item in results.rates
        if item.seed is not None
        and (item.metric, item.model, item.arm, item.checkpoint) == own
        and (item.question, item.variant) == (None, None)
    ]


def rate_numbers(columns: Sequence[Column], rate: Rate, *, in_curve: bool = False) -> list[Number]:
    """What is behind the cells of a rate, by the titles of their columns."""
    parts: dict[str, Part] = {
        "rate": "counted",
        "mean": "counted",
        "share": "counted",
        "unclear": "unclear",
        "broken": "broken",
    }
    return [
        Number(rate, parts[column.title], in_curve) if column.title in parts else None  # type: ignore[misc]
        for column in columns
    ]
