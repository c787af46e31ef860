"""Rates along something: the steps of training, or the values of a variant such as a date.

Promises: what the lines show stands in the rows too, with n and interval; base, which has no
steps, stands at step 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import BOLD, DIM, Cell, Column
from wgen_tui.ui.state.figures import axis
from wgen_tui.ui.state.figures.axis import SHARES, Estimate
from wgen_tui.ui.state.figures.figure import Lines, Series
from wgen_tui.ui.state.outcomes.rows import (
    ROOMY,
    Number,
    Row,
    Section,
    amount,
    axis_cell,
    between,
    broken_cell,
    estimate_of,
    headed,
    is_doubtful,
    name_cell,
    rate_numbers,
    seeds,
    with_bar,
)
from wgen_tui.ui.state.shared.arm_colours import ArmColours

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import Rate
    from wgen_tui.services.rates.against_task import TaskPoint
    from wgen_tui.services.rates.value_curve import ValueCurve
    from wgen_tui.services.results.results import Results


LEAST_CHART = 56  # cells that each of two charts needs to stand beside the other


class Point(NamedTuple):
    """A rate somewhere along.

    Attributes:
        name: Of its arm.
        at: Where it stands.
        repeated: Whether the row above is of the same arm.
    """

    rate: Rate
    name: str
    at: str
    repeated: bool


def steps_view(results: Results, width: int, colours: ArmColours) -> list[Row]:
    """Every arm's steps, ascending; base last."""
    if results.curve is None:
        return []
    points = _points(results.curve.rates)
    section = _section(results, points, "step", width, colours, _task_points(results))
    return headed([(section, _rows(section, points, in_curve=True))])


def _task_points(results: Results) -> dict[tuple[str, str, int], TaskPoint]:
    """What is measured on held-out rows, by model, arm and step; the base's of a single arm's."""
    arms = results.against_task
    points = {(a.model, a.arm, p.checkpoint): p for a in arms for p in a.points if p.checkpoint}
    for item in arms:
        if [other.model for other in arms].count(item.model) == 1 and (base := item.at(0)):
            points[item.model, "base", 0] = base
    return points


def _points(
    rates: list[Rate], values: Mapping[tuple[str, str | None], str] | None = None
) -> list[Point]:
    """The rates in a row, each at its step, or at the value of its variant."""
    several = len({rate.model for rate in rates}) > 1
    points: list[Point] = []
    before = None
    for rate in rates:
        name = f"{rate.arm} · {rate.model}" if several else rate.arm
        at = show.count(rate.checkpoint) if values is None else values[rate.arm, rate.variant]
        points.append(Point(rate, name, at, before == (rate.model, rate.arm)))
        before = (rate.model, rate.arm)
    return points


def steps_lines(results: Results) -> Lines | None:
    """The rates over the steps."""
    curve = results.curve
    if curve is None or not curve.rates:
        return None
    arms: dict[tuple[str, str], list[Rate]] = {}
    for rate in curve.rates:
        arms.setdefault((rate.model, rate.arm), []).append(rate)
    several = len({model for model, _ in arms}) > 1
    series = [
        Series(
            f"{arm} · {model}" if several else arm,
            [(rate.checkpoint, Estimate(rate.rate, rate.low, rate.high)) for rate in rates],
            [rate.n for rate in rates],
            arm,
        )
        for (model, arm), rates in arms.items()
    ]
    first = curve.rates[0]
    return _lines(f"{first.metric} over steps", series, "step", first.unit == "share")


def steps_notes(results: Results) -> Text:
    """Which questions the lines over the steps are of."""
    text, curve = Text(), results.curve
    if curve is None:
        return text
    counted = show.plural(len(curve.questions), "question")
    text.append(printable(f"of {counted} asked at every step: {', '.join(curve.questions)}\n"))
    if curve.left_out:
        left = ", ".join(curve.left_out)
        text.append(printable(f"not counted, asked at some steps only: {left}\n"), DIM)
    unit = curve.rates[0].unit if curve.rates else "share"
    several = len({item.model for item in results.against_task}) > 1
    for item in results.against_task:
        name = f"{item.arm} · {item.model}" if several else item.arm
        for sentence in item.sentences(lambda value: amount(value, unit)):
            text.append(printable(f"{name}: {sentence}\n"))
    return text


def task_lines(results: Results) -> list[Lines]:
    """Held-out loss, and accuracy, over the steps; every arm begins at the base."""
    arms = results.against_task
    if not arms:
        return []
    several = len({item.model for item in arms}) > 1
    names = [f"{item.arm} · {item.model}" if several else item.arm for item in arms]
    panels = []
    for title, is_share, values in (
        ("held-out loss", False, ("loss", "loss_low", "loss_high")),
        ("held-out accuracy", True, ("accuracy", "accuracy_low", "accuracy_high")),
    ):
        series = [
            Series(
                name,
                [(p.checkpoint, Estimate(*(getattr(p, v) for v in values))) for p in item.points],
                [p.rows for p in item.points],
                item.arm,
            )
            for name, item in zip(names, arms, strict=True)
        ]
        panels.append(_lines(f"{title} over steps", series, "step", is_share))
    return panels


def _lines(
    title: str,
    series: list[Series],
    along: str,
    is_share: bool,
    labels: dict[float, str] | None = None,
) -> Lines:
    ends = SHARES
    if not is_share:
        every = (v for line in series for _, e in line.points for v in (e.value, e.low, e.high))
        ends = axis.around(every)
    return Lines(title, series, along, ends, "%" if is_share else "", labels or {})


def values_view(results: Results, width: int, colours: ArmColours) -> list[Row]:
    """For each measure and variant with several values, each arm's values."""
    sections = []
    for metric, variant in _sweeps(results):
        drawn = [
            pair
            for curve in results.value_curves
            if (curve.metric, curve.variant) == (metric, variant)
            for pair in _rates_of(results, curve)
        ]
        values = {(rate.arm, rate.variant): value for rate, value in drawn}
        points = _points([rate for rate, _ in drawn], values)
        section = _section(results, points, variant, width, colours)
        sections.append((section, _rows(section, points)))
    return headed(sections)


def _sweeps(results: Results) -> list[tuple[str, str]]:
    return list(dict.fromkeys((curve.metric, curve.variant) for curve in results.value_curves))


def _rates_of(results: Results, curve: ValueCurve) -> list[tuple[Rate, str]]:
    """The rates that the points of a curve are, with their values."""
    own = {
        (rate.arm, rate.variant or ""): rate
        for rate in results.rates
        if (rate.metric, rate.model, rate.checkpoint)
        == (curve.metric, curve.model, curve.checkpoint)
        and rate.seed is None
        and rate.question is None
    }
    places = [(p.arm or curve.arm, p.variant) for p in curve.points]
    return [
        (own[place], p.value) for place, p in zip(places, curve.points, strict=True) if place in own
    ]


def values_lines(results: Results) -> list[Lines]:
    """The rates over the values, a chart for each measure and variant."""
    listed = []
    for metric, variant in _sweeps(results):
        curves = [c for c in results.value_curves if (c.metric, c.variant) == (metric, variant)]
        values = list(dict.fromkeys(point.value for curve in curves for point in curve.points))
        places = _places(values)
        series = [
            Series(
                curve.arm,
                [(places[p.value], Estimate(p.rate, p.low, p.high)) for p in curve.points],
                [point.n for point in curve.points],
                curve.arm,
            )
            for curve in curves
        ]
        labels = {place: value for value, place in places.items()}
        title = f"{metric} over {variant}"
        listed.append(_lines(title, series, variant, curves[0].unit == "share", labels))
    return listed


def _places(values: list[str]) -> dict[str, float]:
    """Where values stand: as numbers if all are, else one after the other."""
    try:
        return {value: float(value) for value in values}
    except ValueError:
        return {value: float(place) for place, value in enumerate(values)}


def _section(
    results: Results,
    points: list[Point],
    along: str,
    width: int,
    colours: ArmColours,
    task: Mapping[tuple[str, str, int], TaskPoint] | None = None,
) -> Section:
    rates = [point.rate for point in points]
    unit, roomy = (rates[0].unit if rates else "share"), width >= ROOMY
    ends = SHARES
    if unit != "share":
        ends = axis.around(value for rate in rates for value in (rate.rate, rate.low, rate.high))
    at = max([len(along), 4, *(len(point.at) for point in points)])
    before = (
        Column(one_line(along, 12), min(at, 12), "right"),
        Column("seeds", 5, "right"),
        Column("n", max([5, *(len(show.count(rate.n)) for rate in rates)]), "right"),
        Column("rate" if unit == "share" else "mean", 6, "right"),
        Column("95%", max([9, *(len(between(rate)) for rate in rates)]), "right"),
        *((Column("loss", 6, "right"), Column("exact", 6, "right")) if task else ()),
    )
    behind = (Column("broken", 8, "right"),) if roomy else ()

    def heading(cells: int) -> str:
        return axis.heading(cells, ends, unit="%" if unit == "share" else "")

    names = [point.name for point in points]
    columns, bar = with_bar(names, "arm", before, behind, width, heading)

    def cells(point: Point) -> list[Cell]:
        rate = point.rate
        doubtful = is_doubtful(results, rate.model, rate.arm, None)
        name = name_cell(point.name, colours, rate.arm, doubtful=doubtful)
        style = DIM if rate.role == "base" else BOLD if rate.role == "treatment" else ""
        return [
            Cell("", DIM) if point.repeated else name,
            Cell(one_line(point.at, 12)),
            Cell(seeds(rate), DIM),
            Cell(show.count(rate.n)),
            Cell(amount(rate.rate, rate.unit), style),
            Cell(between(rate)),
            *(_task_cells(task.get((rate.model, rate.arm, rate.checkpoint))) if task else []),
            axis_cell(estimate_of(rate), bar, ends, colours[rate.arm].colour),
            *([broken_cell(rate)] if roomy else []),
        ]

    return Section(columns, cells)


def _task_cells(point: TaskPoint | None) -> list[Cell]:
    """Loss and accuracy on held-out rows."""
    if point is None:
        return [Cell(show.MISSING, DIM), Cell(show.MISSING, DIM)]
    return [Cell(f"{point.loss:.3f}"), Cell(show.percent(point.accuracy))]


def _rows(section: Section, points: list[Point], *, in_curve: bool = False) -> list[Row]:
    def numbers(rate: Rate) -> tuple[Number | None, ...]:
        return tuple(rate_numbers(section.columns, rate, in_curve=in_curve))

    return [
        Row(
            section,
            ("course", p.rate.metric, p.rate.model, p.rate.arm, p.rate.checkpoint, p.rate.variant),
            p,
            numbers(p.rate),
            (p.rate.model, p.rate.arm),
        )
        for p in points
    ]


def side_by_side(left: Text, right: Text, width: int) -> Text:
    """Two charts beside each other, the left one so wide."""
    lines = []
    both = (left.split("\n"), right.split("\n"))
    for place in range(max(map(len, both))):
        one, other = (side[place] if place < len(side) else Text() for side in both)
        gap = " " * max(width - cell_len(one.plain), 1)
        lines.append(Text.assemble(one, gap, other))
    return Text("\n", no_wrap=True).join(lines)
