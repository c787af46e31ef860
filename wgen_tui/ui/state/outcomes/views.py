"""The views of the screen Results, each with its rows, its chart and its figure.

Promises: only views that these results have are offered; every view can be written as a figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from wgen_tui.terminal_text import one_line, printable
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.cells import DIM, Cell, Column
from wgen_tui.ui.state.figures.chart import Marked, Piece, charted
from wgen_tui.ui.state.figures.figure import Lines
from wgen_tui.ui.state.outcomes import arms, contexts, courses, grids, readouts
from wgen_tui.ui.state.outcomes.pictures import by_rate
from wgen_tui.ui.state.outcomes.rows import EMPTY, Row, gap, headed
from wgen_tui.ui.state.outcomes.words import questions_of
from wgen_tui.ui.state.shared.arm_colours import ARM_STYLES, ArmColours

if TYPE_CHECKING:
    from wgen_tui.services.measures.rate_rows import ContrastResult, Rate
    from wgen_tui.services.results.results import Results

View = Literal["arms", "contexts", "questions", "grid", "seeds", "values", "steps", "read-outs"]
OF_ONE_ARM: tuple[View, ...] = ("questions",)
Arm = tuple[str, str]  # model and name
ONE_VIEW = (
    "There is only this view: more questions, seeds, variants with values, steps "
    "(sampling: {during_training: …}) or read-outs give others."
)
TITLES: dict[View, str] = {
    "arms": "arms and differences",
    "grid": "questions × arms",
    "seeds": "each seed",
    "values": "over values",
    "steps": "over steps",
    "read-outs": "read-outs",
}


class Inside(NamedTuple):
    """What a view is of: the arm whose questions are shown, the read-out whose seeds are."""

    arm: Arm | None = None
    readout: readouts.Line | None = None


def offered(results: Results) -> list[View]:
    """The views that these results have."""
    by_question = len({r.question for r in results.rates if r.question is not None}) > 1
    several_seeds = any(rate.seeds > 1 for rate in results.rates)
    there: dict[View, object] = {
        "arms": results.rates,
        "contexts": results.by_context,
        "questions": by_question,
        "grid": by_question,
        "seeds": several_seeds,
        "values": results.value_curves,
        "steps": results.curve,
        "read-outs": results.readouts,
    }
    return [view for view, something in there.items() if something] or ["arms"]


def picks(view: View) -> dict[str, str]:
    """What a click on a view's name does."""
    return {"@click": f"screen.pick_view('{view}')"}


def heading(results: Results, view: View, inside: Inside, width: int) -> Text:
    """The experiment and what is measured; the views by name, the present one marked."""
    text = Text(no_wrap=True, overflow="ellipsis")
    names = offered(results)
    tabs = "  ".join(f"[{name}]" if name == view else name for name in names)
    parts, short = [results.experiment], []
    if view == "read-outs":
        readout = inside.readout
        opened = [readout.mean.question, readout.name] if readout is not None else []
        parts += opened or ["mean probabilities"]
    elif results.rates:
        metrics = list(dict.fromkeys(rate.metric for rate in results.rates))
        parts.append(", ".join(metrics) if len(metrics) > 1 else results.rates[0].title)
        if view in OF_ONE_ARM and inside.arm is not None:
            parts.append(inside.arm[1])
        short = [results.experiment, parts[1].removeprefix("share of ")]  # the panel names the arm
    free = max(width - len(tabs) - 4 if len(names) > 1 else width - 2, 16)
    left = " › ".join(parts)
    if short and cell_len(left) > free:
        left = " › ".join(short)
    text.append(f" {printable(one_line(left, free))}")
    if len(names) > 1:
        text.append(" " * max(free - cell_len(text.plain) + 3, 2))
        for place, name in enumerate(names):
            text.append("  " if place else "")
            style = Style.parse("bold" if name == view else DIM) + Style(meta=picks(name))
            text.append(f"[{name}]" if name == view else name, style)
    return text


def rows_of(
    results: Results, view: View, inside: Inside, width: int, colours: ArmColours
) -> list[Row]:
    """The rows of a view.

    Args:
        results: What they are of.
        view: Which.
        inside: Of which arm, or read-out.
        width: Cells of a line.
        colours: Of the arms.
    """
    if view == "questions":
        return questions_rows(results, inside.arm, width, colours)
    if view == "contexts":
        return contexts.contexts_view(results, width, colours)
    if view == "grid":
        return grids.questions_view(results, width, colours)
    if view == "seeds":
        return arms.seeds_view(results, width, colours)
    if view == "values":
        return courses.values_view(results, width, colours)
    if view == "steps":
        return courses.steps_view(results, width, colours)
    if view == "read-outs":
        return readouts.readouts_view(results, inside.readout, width, colours)
    return arms_rows(results, width, colours)


def panel_title(results: Results, view: View, inside: Inside) -> str:
    """What stands in the list's border."""
    if view == "questions":
        arm = inside.arm or ("", "")
        control = next((c.control for c in _plain(results) if (c.model, c.arm) == arm), None)
        against = f", and its difference to {control}" if control else ""
        return f"{arm[1]} by question{against}"
    if view == "contexts":
        return contexts.title(results)
    variants = results.by_variant[0].variants if results.by_variant and view == "arms" else ()
    return f"{len(variants)} variants × arms, and their mean" if variants else TITLES[view]


def places_of(results: Results, colours: ArmColours) -> dict[str, int]:
    """The place of each arm among all, which gives it its colour in a figure."""
    order = [style.colour for style in ARM_STYLES]
    shown = {arm: colours[arm].colour for _, arm in arms_in_order(results)}
    return {arm: order.index(c) if c in order else -1 for arm, c in shown.items()}


def arms_rows(results: Results, width: int, colours: ArmColours) -> list[Row]:
    """The first view; where questions have variants, each arm in each of them before the mean."""
    sections = [
        section
        for metric in grids.results_metrics(results)
        for section in grids.variants_sections(results, metric, width, colours)
    ]
    rows = arms.arms_view(results, width, colours)
    if not sections:
        return rows
    grid = headed(sections)
    if not rows:
        return grid
    blank = Row(rows[0].section, ("heading", "arms"))
    empty = Row(EMPTY, ("blank", "arms"))
    return [*grid, empty, blank, *rows]


def first_arm(results: Results) -> Arm | None:
    """The arm that views of one arm begin with."""
    return next(((rate.model, rate.arm) for rate in results.rates), None)


def arms_in_order(results: Results) -> list[Arm]:
    """Every arm once."""
    return list(dict.fromkeys((rate.model, rate.arm) for rate in results.rates))


def questions_rows(results: Results, arm: Arm | None, width: int, colours: ArmColours) -> list[Row]:
    """The questions of one arm, sorted by rate, with the difference to its control."""
    sections = []
    metrics = grids.results_metrics(results)
    for metric in metrics:
        for whole in results.rates:
            if (whole.metric, (whole.model, whole.arm)) != (metric, arm):
                continue
            if not arms.is_whole(whole) or whole.seed is not None:
                continue
            rates = by_rate(questions_of(results, whole))
            names = [rate.question or "" for rate in rates]
            title = "question" if len(metrics) == 1 else one_line(metric, 20)
            more = _against(results, whole)
            section = arms.rates_section(results, rates, names, width, colours, title, more)
            sections.append(section)
    return headed(sections)


def _plain(results: Results) -> list[ContrastResult]:
    """Differences of arms, not of variants within one."""
    return [item for item in results.contrasts if item.trigger is None and item.variant is None]


def _against(results: Results, whole: Rate) -> tuple[Column, arms.MoreCells] | None:
    """A column for the difference of each question to the first control of an arm."""
    arm = (whole.metric, whole.model, whole.arm)
    own = [item for item in _plain(results) if (item.metric, item.model, item.arm) == arm]
    if not own:
        return None
    gaps = {item.question: item for item in own if item.control == own[0].control}

    def cell(rate: Rate) -> Cell:
        item = gaps.get(rate.question)
        return Cell(show.MISSING if item is None else gap(item.difference, item.unit))

    return Column("− control", 9, "right"), cell


def notes(results: Results, view: View) -> Text:
    """What is to be known beside a view, besides what stands beside all."""
    if view == "read-outs":
        return readouts.notes(results)
    if view == "contexts":
        return contexts.notes(results)
    return courses.steps_notes(results) if view == "steps" else Text()


def chart(results: Results, view: View, row: Row | None) -> Lines | None:
    """What a view draws as lines; of several, the one that the row is of."""
    if view == "steps":
        return courses.steps_lines(results)
    if view != "values":
        return None
    drawn = courses.values_lines(results)
    point = row.item if row is not None else None
    own = [lines for lines in drawn if isinstance(point, courses.Point) and _holds(lines, point)]
    return next(iter([*own, *drawn]), None)


def _holds(lines: Lines, point: courses.Point) -> bool:
    title = f"{point.rate.metric} over "
    return lines.title.startswith(title) and (point.rate.variant or "").startswith(
        f"{lines.title.removeprefix(title)}-"
    )


def chart_text(panel: Lines, width: int, height: int, colours: ArmColours) -> Text:
    """A chart with its legend."""
    marks = {
        series.name: Marked(colours[series.arm].mark, colours[series.arm].colour)
        for series in panel.series
    }
    text = Text(no_wrap=True)
    for series in panel.series:
        text.append(f"{marks[series.name].mark} ", marks[series.name].style)
        text.append(printable(f"{series.name}  "))
    text.append(f" {panel.along} →", DIM)
    lines: list[list[Piece]] = charted(panel, width, height - 1, marks)
    for line in lines:
        text.append("\n")
        for piece, style in line:
            text.append(piece, style)
    return text
