"""Questions by arms, and variants by arms: a number for each, with a shade that says the same.

Promises: every cell leads to its samples; where columns are too narrow for a percentage it is a
digit, so that all arms are seen at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import Cell, Column, Span
from wgen_tui.ui.state.figures import heat
from wgen_tui.ui.state.outcomes.arms import arm_names, is_whole
from wgen_tui.ui.state.outcomes.rows import Number, Row, Section, amount, headed
from wgen_tui.ui.state.shared.arm_colours import ArmColours

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import Rate
    from wgen_tui.services.results.results import Results

Slices = Mapping[str | None, Sequence["Rate | None"]]  # by row, a rate for each column
NAME_CELLS = 26
COMFORTABLE = 9  # cells of a column that has place for its arm's name
LEAST_NUMBER = 6  # cells of a percentage


def questions_view(results: Results, width: int, colours: ArmColours) -> list[Row]:
    """Questions × arms, those first where the first arm has most."""
    sections = []
    for metric, arms in _arms_by_metric(results).items():
        own = [r for r in _over_seeds(results, metric) if r.question and r.variant is None]
        slices = _slices(own, arms, lambda rate: rate.question)
        ordered = sorted(slices, key=lambda name: _first_rate(slices[name]), reverse=True)
        title = "question" if len(results_metrics(results)) == 1 else metric
        sections.append(
            _section(title, {name: slices[name] for name in ordered}, arms, width, colours)
        )
    return headed(sections)


def variants_sections(
    results: Results, metric: str, width: int, colours: ArmColours
) -> list[tuple[Section, list[Row]]]:
    """Variants × arms, the mean over all below them; none where there is one variant."""
    listed = []
    for table in results.by_variant:
        if table.metric != metric:
            continue
        whole = [r for r in _over_seeds(results, metric) if is_whole(r) and r.model == table.model]
        own = [
            r for r in _over_seeds(results, metric) if r.question is None and r.model == table.model
        ]
        slices = _slices(own, whole, lambda rate: rate.variant)
        order = [row.variant for row in table.rows]
        known = {variant: slices[variant] for variant in order if variant in slices}
        title = f"{one_line(metric, 20)} in"
        listed.append(_section(title, known, whole, width, colours, f"mean of {len(order) - 1}"))
    return listed


def results_metrics(results: Results) -> list[str]:
    """The measures, in the order of the plan."""
    return list(dict.fromkeys(rate.metric for rate in results.rates))


def _arms_by_metric(results: Results) -> dict[str, list[Rate]]:
    return {
        metric: [rate for rate in _over_seeds(results, metric) if is_whole(rate)]
        for metric in results_metrics(results)
    }


def _over_seeds(results: Results, metric: str) -> list[Rate]:
    return [rate for rate in results.rates if rate.metric == metric and rate.seed is None]


def _slices(
    rates: Sequence[Rate], arms: Sequence[Rate], row_of: Callable[[Rate], str | None]
) -> dict[str | None, list[Rate | None]]:
    places = {(arm.model, arm.arm, arm.checkpoint): place for place, arm in enumerate(arms)}
    slices: dict[str | None, list[Rate | None]] = {}
    for rate in rates:
        line = slices.setdefault(row_of(rate), [None] * len(arms))
        line[places[(rate.model, rate.arm, rate.checkpoint)]] = rate
    return slices


def _first_rate(line: Sequence[Rate | None]) -> tuple[float, ...]:
    return tuple(-1.0 if rate is None or rate.rate is None else rate.rate for rate in line)


def _section(
    title: str,
    slices: Slices,
    arms: Sequence[Rate],
    width: int,
    colours: ArmColours,
    whole: str = "all",
) -> tuple[Section, list[Row]]:
    """A grid.

    Args:
        title: Over the names of the rows.
        slices: By row, a rate for each arm.
        arms: The columns.
        width: Cells of a line.
        colours: Of the arms.
        whole: The name of the row that is over all.
    """
    names = {key: whole if key is None else key for key in slices}
    longest = max((cell_len(one_line(name, NAME_CELLS)) for name in names.values()), default=0)
    first = max(min(longest, NAME_CELLS), cell_len(title))
    amounts = {key: _amounts(line) for key, line in slices.items()}
    count = Column("n", max(7, *(len(amount) for amount in amounts.values())), "right")
    free = max((width - first - count.width - 2) // max(len(arms), 1) - 1, 1)
    headings, sizes = _headings(arm_names(arms), colours, arms, free)
    columns = (
        Column(title, first),
        count,
        *(Column(of, size, "right") for of, size in zip(headings, sizes, strict=True)),
    )
    is_share = not arms or arms[0].unit == "share"

    def cells(key: str | None) -> list[Cell]:
        line = slices[key]
        return [
            Cell(one_line(names[key], NAME_CELLS), "bold" if key is None else ""),
            Cell(amounts[key], "dim"),
            *(
                _cell(rate, size, is_share, colours[arm.arm].colour)
                for rate, arm, size in zip(line, arms, sizes, strict=True)
            ),
        ]

    section = Section(columns, lambda item: cells(item.key))
    return section, [
        Row(
            section,
            ("grid", title, key),
            _Named(key),
            (None, None, *(None if rate is None else Number(rate) for rate in line)),
        )
        for key, line in slices.items()
    ]


def _amounts(line: Sequence[Rate | None]) -> str:
    """How many answers a row's rates are of: of the least, and of the most."""
    ns = [rate.n for rate in line if rate is not None]
    ends = dict.fromkeys(show.count(n) for n in (min(ns), max(ns))) if ns else [show.MISSING]
    return "–".join(ends)


class _Named(NamedTuple):
    """The name of a row; of the one over all, None."""

    key: str | None


def _headings(
    names: Sequence[str], colours: ArmColours, arms: Sequence[Rate], free: int
) -> tuple[list[str], list[int]]:
    """Names of arms with their marks, and the cells of each column.

    All are as wide, unless that would cut a name and widths of their own would not.
    """
    marks = [colours[arm.arm].mark for arm in arms]
    own = [max(cell_len(name) + 2, LEAST_NUMBER) for name in names]
    if max(own, default=0) > free >= sum(own) / max(len(own), 1):
        return [f"{mark} {name}" for mark, name in zip(marks, names, strict=True)], own
    longest = max(map(cell_len, names), default=0) + 2
    size = min(longest, max(free, 2))
    size = max(size, COMFORTABLE if free >= COMFORTABLE else size)
    sizes = [size] * len(marks)
    if size >= LEAST_NUMBER:
        shown = heat.short_names([one_line(name, 60) for name in names], size - 2)
        return [f"{mark} {name}" for mark, name in zip(marks, shown, strict=True)], [size] * len(
            marks
        )
    return marks, sizes


def _cell(rate: Rate | None, size: int, is_share: bool, colour: str) -> Cell:
    if rate is None:
        return Cell(heat.NOTHING, "dim")
    if not is_share:
        return Cell(amount(rate.rate, "mean"))
    text = heat.tenth(rate.rate) if size < LEAST_NUMBER else show.percent(rate.rate)
    return Cell(
        f" {text}" if size > len(text) else text, "", (Span(0, 9, heat.shade(rate.rate, colour)),)
    )
