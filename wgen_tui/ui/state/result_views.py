"""What the results screen shows at a time: rates, what was read, or the share over the steps."""

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
    """One table with what stands above and below it.

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


def views(found: Results) -> list[View]:
    """What there is to show of these results."""
    given: dict[View, object] = {
        "rates": found.rates,
        "read-outs": found.readouts,
        "curve": found.curve,
    }
    return [view for view, there in given.items() if there] or ["rates"]


def heading(found: Results, view: View, title: str) -> Text:
    """The views by name where there are several, the present one in brackets; then the title."""
    text = Text(no_wrap=True, overflow="ellipsis")
    offered = views(found)
    if len(offered) > 1:
        for name in offered:
            here = name == view
            text.append(f"[{name}]" if here else f" {name} ", BOLD if here else DIM)
        text.append(" ")
    return text.append(f" {printable(title)}")


def result_view(found: Results, view: View, inside: Any, width: int) -> ResultView:
    """One view of the results, of everything or inside one of its rows."""
    if view == "read-outs":
        return _read(found, inside, width)
    if view == "curve":
        return _curve(found, width)
    lines = rates.overview(found, width) if inside is None else rates.drill(found, inside)
    return ResultView(
        title=rates.title(found, inside, width),
        columns=rates.columns(width, inside=inside is not None),
        rows=lines,
        keys=[line.key for line in lines],
        cells=partial(rates.cells, width=width, inside=inside is not None),
        notes=rates.notes(found),
        copied=rates.as_text(lines),
    )


def _read(found: Results, inside: readouts.Line | None, width: int) -> ResultView:
    lines = readouts.overview(found) if inside is None else readouts.drill(found, inside)
    return ResultView(
        title=readouts.title(found, inside),
        columns=readouts.columns(width, inside=inside is not None),
        rows=lines,
        keys=[line.key for line in lines],
        cells=partial(readouts.cells, width=width, inside=inside is not None),
        notes=readouts.notes(found),
        copied=readouts.as_text(lines),
    )


def _curve(found: Results, width: int) -> ResultView:
    points = curve.points(found)
    return ResultView(
        title=curve.title(found),
        columns=curve.columns(width),
        rows=points,
        keys=[point.key for point in points],
        cells=partial(curve.cells, width=width),
        notes=curve.notes(found),
        copied=curve.as_text(points),
    )
