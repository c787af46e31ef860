"""The views of the results screen: rates, read-outs, or the share over the steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state import curve, readouts
from wgen_tui.ui.state import results as rates
from wgen_tui.ui.state.cells import BOLD, DIM, Cell, Column

if TYPE_CHECKING:
    from wgen_tui.services.results.results import Results

View = Literal["rates", "read-outs", "curve"]


@dataclass(frozen=True)
class ResultView:
    """One table with its title and notes.

    Attributes:
        title: What it is of.
        keys: What names each row.
        cells: A row as cells of `columns`.
        copied: The table as text, tabs between its columns.
    """

    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Any]
    keys: Sequence[Any]
    cells: Callable[[Any], list[Cell]]
    notes: Text
    copied: str


def views(results: Results) -> list[View]:
    """The views that these results have."""
    given: dict[View, object] = {
        "rates": results.rates,
        "read-outs": results.readouts,
        "curve": results.curve,
    }
    return [view for view, there in given.items() if there] or ["rates"]


def heading(results: Results, view: View, title: str) -> Text:
    """The views by name where there are several, the present one in brackets; then the title."""
    text = Text(no_wrap=True, overflow="ellipsis")
    offered = views(results)
    if len(offered) > 1:
        for name in offered:
            here = name == view
            text.append(f"[{name}]" if here else f" {name} ", BOLD if here else DIM)
        text.append(" ")
    return text.append(f" {printable(title)}")


def result_view(results: Results, view: View, inside: Any, width: int) -> ResultView:
    """One view of the results, of everything or inside one of its rows."""
    if view == "read-outs":
        return _readouts_view(results, inside, width)
    if view == "curve":
        return _curve_view(results, width)
    lines = rates.overview(results, width) if inside is None else rates.drill(results, inside)
    return ResultView(
        title=rates.title(results, inside, width),
        columns=rates.columns(width, inside=inside is not None),
        rows=lines,
        keys=[line.key for line in lines],
        cells=partial(rates.cells, width=width, inside=inside is not None),
        notes=rates.notes(results),
        copied=rates.as_text(lines),
    )


def _readouts_view(results: Results, inside: readouts.Line | None, width: int) -> ResultView:
    lines = readouts.overview(results) if inside is None else readouts.drill(results, inside)
    return ResultView(
        title=readouts.title(results, inside),
        columns=readouts.columns(width, inside=inside is not None),
        rows=lines,
        keys=[line.key for line in lines],
        cells=partial(readouts.cells, width=width, inside=inside is not None),
        notes=readouts.notes(results),
        copied=readouts.as_text(lines),
    )


def _curve_view(results: Results, width: int) -> ResultView:
    points = curve.points(results)
    return ResultView(
        title=curve.title(results),
        columns=curve.columns(width),
        rows=points,
        keys=[point.key for point in points],
        cells=partial(curve.cells, width=width),
        notes=curve.notes(results),
        copied=curve.as_text(points),
    )
