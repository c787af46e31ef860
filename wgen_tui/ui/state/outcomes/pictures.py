"""The figure of a view: what SVG, CSV and the clipboard have of it.

Promises: a figure has the numbers of the rows on the screen, in their order, each with n and
interval, and the notes without which they must not be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.figures import axis
from wgen_tui.ui.state.figures.axis import DIFFERENCES, SHARES, Estimate
from wgen_tui.ui.state.figures.figure import Dot, Dots, Figure, Grid, Panel
from wgen_tui.ui.state.outcomes import contexts
from wgen_tui.ui.state.outcomes.arms import arm_names, is_whole
from wgen_tui.ui.state.outcomes.courses import steps_lines, task_lines, values_lines
from wgen_tui.ui.state.outcomes.rows import estimate_of
from wgen_tui.ui.state.outcomes.words import doubts_text, questions_of, warnings_text

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.results.readouts import ReadoutMean
    from wgen_tui.services.results.results import Results


def figure_of(results: Results, view: str, arm: tuple[str, str] | None = None) -> Figure:
    """The figure of a view.

    Args:
        results: What it shows.
        view: Its name.
        arm: Model and arm that the view is of, where it is of one.
    """
    panels = _panels(results, view, arm) or _arms(results)
    title = results.experiment
    if results.rates and view != "read-outs":
        title += f": {results.rates[0].title}"
    return Figure(title, panels, _notes(results, panels))


def _panels(results: Results, view: str, arm: tuple[str, str] | None) -> Sequence[Panel]:
    if view == "questions":
        return _questions(results, arm)
    if view == "contexts":
        return _contexts(results)
    if view == "grid":
        return _grids(results)
    if view == "seeds":
        return _seeds(results)
    if view == "values":
        return values_lines(results)
    if view == "steps":
        lines = steps_lines(results)
        return [] if lines is None else [lines, *task_lines(results)]
    return _readouts(results.readouts) if view == "read-outs" else _arms(results)


def _notes(results: Results, panels: Sequence[Panel]) -> list[str]:
    notes = []
    dots = [panel for panel in panels if isinstance(panel, Dots)]
    if dots:
        rings = any(len(row.estimate.seeds) > 1 for panel in dots for row in panel.rows)
        ring = " Ring: a seed." if rings else ""
        notes.append(f"Disc: the mean.{ring} Bar: 95% interval.")
    if any("1 run" in row.note for panel in dots for row in panel.rows):
        notes.append("1 run: the interval is within one run and says nothing about other seeds.")
    if any(panel.unit == "points" or panel.zero is not None for panel in dots):
        cautions = [c.p_caution for c in results.contrasts if c.p_caution and is_whole(c)]
        notes += [f"* {caution}" for caution in dict.fromkeys(cautions)]
    return [*notes, *(doubts_text(results) + warnings_text(results)).plain.splitlines()]


def _metrics(results: Results) -> Iterable[str]:
    return dict.fromkeys(rate.metric for rate in results.rates)


def _whole(results: Results, metric: str, *, seeds: bool = False) -> list[Rate]:
    return [
        rate
        for rate in results.rates
        if rate.metric == metric and is_whole(rate) and (rate.seed is not None) == seeds
    ]


def _arms(results: Results) -> list[Panel]:
    panels: list[Panel] = []
    for metric in _metrics(results):
        rates = _whole(results, metric)
        panels.append(_dots(metric, rates, arm_names(rates)))
        for table in results.by_variant:
            if table.metric == metric:
                cells = [[_cell(cell) for cell in row.rates] for row in table.rows]
                names = [row.variant or f"mean of {len(table.rows) - 1}" for row in table.rows]
                ns = [[0 if c is None else c.n for c in row.rates] for row in table.rows]
                rows = list(zip(names, cells, strict=True))
                panels.append(Grid(f"{metric} in each variant", table.arms, rows, ns))
        gaps = [c for c in results.contrasts if c.metric == metric and is_whole(c)]
        if gaps:
            panels.append(_differences(gaps))
    return panels


def _cell(cell: object) -> Estimate | None:
    if cell is None:
        return None
    return Estimate(*(getattr(cell, name) for name in ("rate", "low", "high")))


def _dots(title: str, rates: Sequence[Rate], names: Sequence[str]) -> Dots:
    is_share = not rates or rates[0].unit == "share"
    every = (value for rate in rates for value in (rate.rate, rate.low, rate.high))
    rows = []
    for name, rate in zip(names, rates, strict=True):
        note = f"n {rate.n:,}, 1 run" if rate.within == "one run" and rate.seed is None else ""
        rows.append(Dot(name, estimate_of(rate), rate.n, rate.arm, note))
    return Dots(title, rows, SHARES if is_share else axis.around(every), "%" if is_share else "")


def _differences(gaps: Sequence[ContrastResult]) -> Dots:
    is_share = gaps[0].unit == "share"
    models = len({item.model for item in gaps}) > 1
    top = max((abs(v) for c in gaps for v in (c.low, c.high) if v is not None), default=1.0)
    end = 1.0 if is_share else axis.around((0.0, top))[1]
    rows = [
        Dot(
            f"{item.name} · {item.model}" if models else item.name,
            Estimate(item.difference, item.low, item.high),
            item.n,
            item.arm,
            f"p {show.p_value(item.p)}" + ("*" if item.p_caution else ""),
        )
        for item in gaps
    ]
    axis_ends = DIFFERENCES if is_share else (-end, end)
    title = "difference, in points" if is_share else "difference"
    return Dots(title, rows, axis_ends, "points" if is_share else "", 0.0)


def _questions(results: Results, arm: tuple[str, str] | None) -> list[Panel]:
    panels: list[Panel] = []
    for metric in _metrics(results):
        for whole in _whole(results, metric):
            if arm is None or (whole.model, whole.arm) == arm:
                rates = by_rate(questions_of(results, whole))
                names = [rate.question or "" for rate in rates]
                title = f"{whole.arm}: {metric}, by question"
                panels.append(_dots(title, rates, names))
    return panels


def by_rate(rates: Sequence[Rate]) -> list[Rate]:
    """The highest first; what has none last."""
    return sorted(rates, key=lambda rate: (rate.rate is None, -(rate.rate or 0.0)))


def _seeds(results: Results) -> list[Panel]:
    panels: list[Panel] = []
    for metric in _metrics(results):
        rates = _whole(results, metric, seeds=True)
        names = [f"{n} s{r.seed}" for n, r in zip(arm_names(rates), rates, strict=True)]
        panels.append(_dots(f"{metric}, each seed", rates, names))
    return panels


def _grids(results: Results) -> list[Panel]:
    panels: list[Panel] = []
    for metric in _metrics(results):
        arms = _whole(results, metric)
        by_arm = [{rate.question: rate for rate in questions_of(results, arm)} for arm in arms]
        questions = list(dict.fromkeys(question for own in by_arm for question in own))
        cells, ns = [], []
        for question in questions:
            line = [own.get(question) for own in by_arm]
            cells.append([None if rate is None else estimate_of(rate) for rate in line])
            ns.append([0 if rate is None else rate.n for rate in line])
        rows = [(question or "", own) for question, own in zip(questions, cells, strict=True)]
        panels.append(Grid(f"{metric} by question", arm_names(arms), rows, ns))
    return panels


def _contexts(results: Results) -> list[Panel]:
    """For each arm its rates in every context, then their differences to none."""
    panels: list[Panel] = []
    for table in results.by_context:
        named = list(zip(contexts.names(table), table.rows, strict=True))
        of = contexts.table_name(results, table)
        there = [(name, row.of) for name, row in named if row.of is not None]
        title = f"{of}: {table.metric} in contexts {contexts.PLACES[table.where]}"
        panels.append(_dots(title, [rate for _, rate in there], [name for name, _ in there]))
        gaps = [row.gap for row in table.rows if row.gap is not None]
        if gaps:
            panels.append(_differences(gaps))
    return panels


def _readouts(means: Sequence[ReadoutMean]) -> list[Panel]:
    groups: dict[str, list[ReadoutMean]] = {}
    for mean in means:
        if mean.seed is None:
            groups.setdefault(mean.question, []).append(mean)
    return [
        Dots(
            f"{question}: mean probability",
            [
                Dot(
                    f"{mean.arm}: {mean.label}",
                    Estimate(mean.probability, mean.low, mean.high),
                    mean.n,
                    mean.arm,
                )
                for mean in own
            ],
        )
        for question, own in groups.items()
    ]
