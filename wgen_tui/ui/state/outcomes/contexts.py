"""Each arm in each context of `contexts:`: its rate there, and its difference to none.

Promises: rate and difference stand on one line, each with its interval, and each leads to exactly
its samples; a context that has no samples yet is there without numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BOLD, DIM, Cell, Column
from wgen_tui.ui.state.figures import axis
from wgen_tui.ui.state.figures.axis import DIFFERENCES, SHARES, Estimate
from wgen_tui.ui.state.outcomes.rows import (
    GOOD_BAR,
    LEAST_BAR,
    MOST_BAR,
    NAME_CELLS,
    ROOMY,
    WORTH_A_COLUMN,
    Number,
    Row,
    Section,
    amount,
    axis_cell,
    between,
    broken_cell,
    estimate_of,
    gap,
    gap_between,
    headed,
    name_cell,
    p_text,
    rate_numbers,
)
from wgen_tui.ui.state.shared.arm_colours import ArmColours

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.rates.by_context import ContextRow, ContextTable
    from wgen_tui.services.results.results import Results

PLACES = {"training": "before its training rows", "evaluation": "before its questions"}
GAPS = ("points", "gap")
MISSING, BLANK = Cell(show.MISSING, DIM), Cell("")


def contexts_view(results: Results, width: int, colours: ArmColours) -> list[Row]:
    """A section for each measure, arm and variant of the questions; none first in each."""
    return headed([_section(results, table, width, colours) for table in results.by_context])


def title(results: Results) -> str:
    """What stands in the border of the view."""
    first = results.by_context[0]
    arms = dict.fromkeys(table.arm for table in results.by_context)
    whose = first.arm if len(arms) == 1 else f"{len(arms)} arms"
    counted = show.plural(len(first.rows) - 1, "context")
    return f"{whose} in {counted} {PLACES[first.where]}, and without"


def notes(results: Results) -> Text:
    """Which differences there are not, though both rates are: what is not planned is not shown."""
    missing = dict.fromkeys(
        f"{{arm: {row.of.arm}, control: {table.arm}}}"
        for table in results.by_context
        for row in table.rows
        if table.where == "training" and row.context and row.of is not None and row.gap is None
    )
    if not missing:
        return Text()
    said = f"no difference is planned: analysis: {{contrasts: [{', '.join(missing)}]}}\n"
    return Text(printable(said), DIM)


def table_name(results: Results, table: ContextTable) -> str:
    """What a section is of: the arm, and the measure, model and variant where there are several."""
    parts = [table.arm]
    for several, name in (
        ({other.metric for other in results.by_context}, table.metric),
        ({other.model for other in results.by_context}, table.model),
    ):
        parts += [name] if len(several) > 1 else []
    return " · ".join([*parts, *([table.variant] if table.variant else [])])


def names(table: ContextTable) -> list[str]:
    """Of the rows: the context, with how it is put where there are several ways."""
    several = len({row.mode for row in table.rows if row.mode}) > 1
    return [
        "no context"
        if row.context is None
        else f"{row.context} · {row.mode}"
        if several
        else row.context
        for row in table.rows
    ]


class _Layout(NamedTuple):
    """The columns of a section, and the cells of its two axes: 0 where there is no room."""

    columns: tuple[Column, ...]
    bar: int
    gap_bar: int

    def has(self, title: str) -> bool:
        """Whether there is such a column."""
        return any(column.title == title for column in self.columns)


def _section(
    results: Results, table: ContextTable, width: int, colours: ArmColours
) -> tuple[Section, list[Row]]:
    shown = dict(zip((id(row) for row in table.rows), names(table), strict=True))
    rates = [row.of for row in table.rows if row.of is not None]
    gaps = [row.gap for row in table.rows if row.gap is not None]
    ends, gap_ends = SHARES, DIFFERENCES
    if table.unit != "share":
        ends = axis.around(value for rate in rates for value in (rate.rate, rate.low, rate.high))
        top = max((abs(v) for c in gaps for v in (c.low, c.high) if v is not None), default=1.0)
        gap_ends = (-axis.around((0.0, top))[1], axis.around((0.0, top))[1])
    title = one_line(f"{table_name(results, table)} in", NAME_CELLS)
    layout = _layout(title, list(shown.values()), rates, gaps, width, (ends, gap_ends))
    two_ns = layout.has("n ")

    def of_rate(rate: Rate | None) -> list[Cell]:
        if rate is None:
            line = [MISSING, MISSING, MISSING, *([BLANK] if layout.bar else [])]
            return [*line, MISSING] if layout.has("broken") else line
        line = [Cell(show.count(rate.n)), Cell(amount(rate.rate, rate.unit), BOLD)]
        line.append(Cell(between(rate)))
        if layout.bar:
            colour = colours[rate.arm].colour
            line.append(axis_cell(estimate_of(rate), layout.bar, ends, colour))
        return [*line, broken_cell(rate)] if layout.has("broken") else line

    def of_gap(row: ContextRow) -> list[Cell]:
        item = row.gap
        if item is None or item.difference is None:
            empty = BLANK if row.context is None else MISSING
            return [*([empty] * (3 + two_ns)), *([BLANK] if layout.gap_bar else [])]
        line = [Cell(show.count(item.n))] if two_ns else []
        line += [Cell(gap(item.difference, item.unit), BOLD), Cell(gap_between(item))]
        line.append(Cell(p_text(item)))
        if layout.gap_bar:
            estimate = Estimate(item.difference, item.low, item.high)
            colour = colours[_arm(table, row)].colour
            line.append(axis_cell(estimate, layout.gap_bar, gap_ends, colour, 0.0))
        return line

    def cells(row: ContextRow) -> list[Cell]:
        name = name_cell(shown[id(row)], colours, _arm(table, row))
        return [name, *of_rate(row.of), *of_gap(row)]

    section = Section(layout.columns, cells)
    return section, [
        Row(
            section,
            _key(table, row),
            row,
            _numbers(layout.columns, row),
            (table.model, _arm(table, row)),
        )
        for row in table.rows
    ]


def _layout(
    title: str,
    shown: Sequence[str],
    rates: Sequence[Rate],
    gaps: Sequence[ContrastResult],
    width: int,
    ends: tuple[tuple[float, float], tuple[float, float]],
) -> _Layout:
    """Names whole, then numbers, then what else there is room for: shares broken, n, axes."""
    is_share = rates[0].unit == "share"
    size = max(len(show.count(n)) for n in (*(r.n for r in rates), *(c.n for c in gaps)))
    before = [
        Column("n", max(5, size), "right"),
        Column("rate" if is_share else "mean", 6, "right"),
        Column("95%", max(9, *(len(between(rate)) for rate in rates)), "right"),
    ]
    behind = [
        Column("points" if is_share else "gap", 6, "right"),
        Column("95% of it", max([9, *(len(gap_between(item)) for item in gaps)]), "right"),
        Column("p", 6, "right"),
    ]
    longest = max(cell_len(one_line(name, NAME_CELLS)) for name in shown) + 2
    longest = max(longest, cell_len(title))

    def free() -> int:
        return width - longest - sum(column.width + 1 for column in (*before, *behind))

    if any((rate.broken or 0) >= WORTH_A_COLUMN for rate in rates) or width >= ROOMY:
        behind.insert(0, Column("broken", 7, "right"))
    if free() > max(5, size):
        behind.insert(len(behind) - 3, Column("n ", max(5, size), "right"))
    bar = gap_bar = 0
    if free() > LEAST_BAR:
        several = free() >= 2 * (GOOD_BAR + 1)
        bar = min(free() // 2 - 1 if several else free() - 1, MOST_BAR)
        gap_bar = bar if several else 0
        before.append(Column(axis.heading(bar, ends[0], unit="%" if is_share else ""), bar))
    if gap_bar:
        unit = "points" if is_share else ""
        behind.append(Column(axis.heading(gap_bar, ends[1], unit=unit), gap_bar))
    name = Column(title, longest + min(free(), 0))
    return _Layout((name, *before, *behind), bar, gap_bar)


def _numbers(columns: Sequence[Column], row: ContextRow) -> tuple[Number | None, ...]:
    of_rate: list[Number | None] = [None] * len(columns)
    if row.of is not None:
        of_rate = [*rate_numbers(columns, row.of)]
    return tuple(
        Number(row.gap) if column.title in GAPS and row.gap and row.gap.n else number
        for column, number in zip(columns, of_rate, strict=True)
    )


def _arm(table: ContextTable, row: ContextRow) -> str:
    return table.arm if row.of is None else row.of.arm


def _key(table: ContextTable, row: ContextRow) -> tuple[object, ...]:
    of = (table.metric, table.model, table.arm, table.checkpoint, table.variant)
    return ("context", *of, row.context, row.mode)
