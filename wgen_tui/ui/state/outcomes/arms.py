"""The first view: each arm on one axis with every seed's dot, then each difference on another.

Promises: a rate, its n and its interval stand on one line; an interval that says nothing about
other seeds says so beside it; nothing is cut that is a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BOLD, DIM, Cell, Column
from wgen_tui.ui.state.figures import axis
from wgen_tui.ui.state.figures.axis import DIFFERENCES, SHARES, Estimate
from wgen_tui.ui.state.outcomes.rows import (
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
    is_doubtful,
    least_width,
    name_cell,
    p_text,
    rate_numbers,
    seeds,
    with_bar,
)
from wgen_tui.ui.state.shared.arm_colours import ArmColours

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.results.results import Results


MoreCells = Callable[["Rate"], Cell]  # of a column behind all others


def is_whole(row: Rate | ContrastResult) -> bool:
    """Whether it is over all questions and variants."""
    return row.question is None and row.variant is None


def arms_view(results: Results, width: int, colours: ArmColours) -> list[Row]:
    """For each measure its arms, then its differences.

    Args:
        results: What is shown.
        width: Cells of a line.
        colours: Of the arms.
    """
    sections = []
    metrics = list(dict.fromkeys(rate.metric for rate in results.rates))
    for metric in metrics:
        whole = [r for r in results.rates if r.metric == metric and is_whole(r)]
        title = "arm" if len(metrics) == 1 else one_line(metric, 24)
        rates = [rate for rate in whole if rate.seed is None]
        sections.append(rates_section(results, rates, arm_names(rates), width, colours, title))
        gaps = [c for c in results.contrasts if c.metric == metric and is_whole(c)]
        sections.append(differences_section(gaps, width, colours))
    return headed(sections)


def arm_names(rates: Sequence[Rate]) -> list[str]:
    """The arms; with the model, or the step, where there are several of one."""
    models = {rate.model for rate in rates}
    steps = {(rate.model, rate.arm, rate.checkpoint) for rate in rates}
    several = len(steps) > len({step[:2] for step in steps})
    return [
        rate.arm
        + (f" · {rate.model}" if len(models) > 1 else "")
        + (f" @{rate.checkpoint}" if several else "")
        for rate in rates
    ]


def seeds_view(results: Results, width: int, colours: ArmColours) -> list[Row]:
    """Each seed of each arm, over all questions."""
    sections = []
    metrics = list(dict.fromkeys(rate.metric for rate in results.rates))
    for metric in metrics:
        rates = [
            r for r in results.rates if r.metric == metric and is_whole(r) and r.seed is not None
        ]
        whole = {
            (r.model, r.arm, r.checkpoint): r.questions
            for r in results.rates
            if r.metric == metric and is_whole(r) and r.seed is None
        }
        names = [
            f"{name}{_lacking(rate, whole)}"
            for name, rate in zip(arm_names(rates), rates, strict=True)
        ]
        title = "arm" if len(metrics) == 1 else one_line(metric, 24)
        sections.append(rates_section(results, rates, names, width, colours, title))
    return headed(sections)


def _lacking(rate: Rate, whole: dict[tuple[str, str, int], int]) -> str:
    """With how many questions a seed has, where it lacks some."""
    every = whole.get((rate.model, rate.arm, rate.checkpoint), rate.questions)
    return f": {rate.questions} of {every}" if rate.questions < every else ""


def rates_section(
    results: Results,
    rates: Sequence[Rate],
    names: Sequence[str],
    width: int,
    colours: ArmColours,
    title: str,
    more: tuple[Column, MoreCells] | None = None,
) -> tuple[Section, list[Row]]:
    """Rates on one axis.

    Args:
        results: What they are of.
        rates: A row for each.
        names: Of the rows.
        width: Cells of a line.
        colours: Of the arms.
        title: Over the names.
        more: A column behind all others, with what it says.
    """
    if not rates:
        return Section((), lambda _: []), []
    unit, roomy = rates[0].unit, width >= ROOMY
    ends = SHARES
    if unit != "share":
        ends = axis.around(value for rate in rates for value in (rate.rate, rate.low, rate.high))
    shown = [
        name
        for name in ("unclear", "broken")
        if roomy or any((getattr(rate, name) or 0) >= WORTH_A_COLUMN for rate in rates)
    ]
    interval = "95% interval" if roomy else "95%"
    which = "seeds" if roomy or any(rate.within for rate in rates) else ""
    which = "seed" if all(rate.seed is not None for rate in rates) else which
    sizes = [
        *([Column(which, 5, "right")] if which else []),
        Column("n", max(5, *(len(show.count(rate.n)) for rate in rates)), "right"),
        Column("rate" if unit == "share" else "mean", 6, "right"),
        Column(interval, max(len(interval), 9, *(len(between(r)) for r in rates)), "right"),
    ]
    last = [more[0]] if more is not None else []
    while shown and least_width(sizes, [*_columns(shown, roomy), *last]) > width:
        shown.pop()  # the notes say it too
    behind = [*_columns(shown, roomy), *last]

    def heading(cells: int) -> str:
        return axis.heading(cells, ends, unit="%" if unit == "share" else "")

    columns, bar = with_bar(names, title, sizes, behind, width, heading)
    by_id = dict(zip(map(id, rates), names, strict=True))

    def cells(rate: Rate) -> list[Cell]:
        doubtful = is_doubtful(results, rate.model, rate.arm, rate.seed)
        style = DIM if rate.role == "base" else BOLD if rate.role == "treatment" else ""
        said = {"unclear": Cell(show.percent(rate.unclear), DIM), "broken": broken_cell(rate)}
        drawn = axis_cell(estimate_of(rate), bar, ends, colours[rate.arm].colour)
        line = [
            name_cell(by_id[id(rate)], colours, rate.arm, doubtful=doubtful),
            *([Cell(seeds(rate) if which == "seeds" else str(rate.seed), DIM)] if which else []),
            Cell(show.count(rate.n)),
            Cell(amount(rate.rate, rate.unit), style),
            Cell(between(rate)),
            drawn,
            *(said[name] for name in shown),
            *([more[1](rate)] if more is not None else []),
        ]
        return line

    section = Section(columns, cells)
    return section, [
        Row(section, key_of(rate), rate, tuple(rate_numbers(columns, rate)), (rate.model, rate.arm))
        for rate in rates
    ]


def _columns(names: Sequence[str], roomy: bool) -> list[Column]:
    return [Column(name, 8 if roomy else 7, "right") for name in names]


def key_of(row: Rate | ContrastResult) -> tuple[object, ...]:
    """What names a row in every view."""
    which = (row.metric, row.model, row.arm, row.checkpoint, row.question, row.variant)
    kind = (getattr(row, "seed", None), getattr(row, "control", None))
    return (*which, *kind, getattr(row, "trigger", None), getattr(row, "minus", None))


def differences_section(
    gaps: Sequence[ContrastResult], width: int, colours: ArmColours
) -> tuple[Section, list[Row]]:
    """Differences on one axis, with p."""
    if not gaps:
        return Section((), lambda _: []), []
    unit = gaps[0].unit
    is_share = unit == "share"
    ends = DIFFERENCES
    if not is_share:
        top = max((abs(v) for c in gaps for v in (c.low, c.high) if v is not None), default=1.0)
        ends = (-axis.around((0.0, top))[1], axis.around((0.0, top))[1])
    arms = {(item.arm, item.model) for item in gaps}
    models = len({item.model for item in gaps}) > 1
    only = next(iter(arms))[0] if len(arms) == 1 else None

    def name(item: ContrastResult) -> str:
        shown = item.name
        if only is not None:
            shown = item.control if item.trigger is None else item.short
        return shown + (f" · {item.model}" if models else "")

    roomy = width >= ROOMY
    interval = "95% interval" if roomy else "95%"
    holm = any(item.p_holm is not None for item in gaps)
    title = "difference" if only is None else f"{only} minus"
    sizes = [
        *([Column("seeds", 5, "right")] if roomy else []),
        Column("n", max(5, *(len(show.count(item.n)) for item in gaps)), "right"),
        Column("points" if is_share else "gap", 6, "right"),
        Column(interval, max(12, *(len(gap_between(item)) for item in gaps)), "right"),
    ]
    behind = [Column("p", 7, "right"), *([Column("Holm", 6, "right")] if holm else [])]

    def heading(cells: int) -> str:
        return axis.heading(cells, ends, unit="points" if is_share else "")

    names = [name(item) for item in gaps]
    columns, bar = with_bar(names, one_line(title, 40), sizes, behind, width, heading)

    def cells(item: ContrastResult) -> list[Cell]:
        estimate = Estimate(item.difference, item.low, item.high)
        line = [
            name_cell(name(item), colours, item.control if only is not None else item.arm),
            *([Cell(seeds(item), DIM)] if roomy else []),
            Cell(show.count(item.n)),
            Cell(gap(item.difference, unit), BOLD),
            Cell(gap_between(item)),
            axis_cell(estimate, bar, ends, colours[item.arm].colour, 0.0),
            Cell(p_text(item)),
            *([Cell(show.p_value(item.p_holm))] if holm else []),
        ]
        return line

    section = Section(columns, cells)
    places = [column.title in ("points", "gap") for column in columns]
    return section, [
        Row(
            section,
            key_of(item),
            item,
            tuple(Number(item) if here else None for here in places),
            (item.model, item.arm),
        )
        for item in gaps
    ]
