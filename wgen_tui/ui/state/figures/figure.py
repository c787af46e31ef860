"""What a figure says, before it is drawn: dots with intervals, a grid, or lines.

Promises: characters, SVG and CSV are made of this alone, so that they show the same numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from wgen_tui.ui.state.figures.axis import SHARES, Estimate

HEAD = ("panel", "name", "at", "value", "low", "high", "n", "seeds", "each seed", "note")


@dataclass(frozen=True, slots=True)
class Dot:
    """One row of a panel: a number with its interval and seeds.

    Attributes:
        arm: Whose colour it has; empty for none.
        note: What stands behind it, such as a p value.
    """

    name: str
    estimate: Estimate
    n: int = 0
    arm: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Dots:
    """Rows on one axis.

    Attributes:
        unit: `%`, `points`, or empty for numbers as they are.
        zero: A value that a line marks.
    """

    title: str
    rows: Sequence[Dot]
    axis: tuple[float, float] = SHARES
    unit: str = "%"
    zero: float | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """A number for each row and column.

    Attributes:
        names: Of the columns.
        rows: Of each row its name and its cells; None where there is nothing.
        arms: Whose colour each row's name has; empty for none.
    """

    title: str
    names: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Estimate | None]]]
    ns: Sequence[Sequence[int]] = ()
    unit: str = "%"


@dataclass(frozen=True, slots=True)
class Series:
    """One line: points by their place on the other axis."""

    name: str
    points: Sequence[tuple[float, Estimate]]
    ns: Sequence[int] = ()
    arm: str = ""


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines over one axis.

    Attributes:
        along: What the axis along is: step, a year.
        labels: What stands at a place of the axis along, where that is not its number.
    """

    title: str
    series: Sequence[Series]
    along: str
    axis: tuple[float, float] = SHARES
    unit: str = "%"
    labels: dict[float, str] = field(default_factory=dict)


Panel = Dots | Grid | Lines


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels below each other, with what must be known beside them."""

    title: str
    panels: Sequence[Panel]
    notes: Sequence[str] = ()


def as_csv(figure: Figure, between: str = ",") -> str:
    """A line for each number of a figure."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=between, lineterminator="\n")
    writer.writerow(HEAD)
    for panel in figure.panels:
        for name, at, estimate, n, note in _numbers(panel):
            value, low, high, seeds = estimate
            each = " ".join(map(repr, seeds))
            ends = ("" if end is None else repr(end) for end in (value, low, high))
            writer.writerow((panel.title, name, at, *ends, n, len(seeds) or "", each, note))
    return text.getvalue()


def _numbers(panel: Panel) -> Iterator[tuple[str, str, Estimate, int, str]]:
    if isinstance(panel, Dots):
        for row in panel.rows:
            yield row.name, "", row.estimate, row.n, row.note
    elif isinstance(panel, Grid):
        for number, (name, cells) in enumerate(panel.rows):
            for place, (column, cell) in enumerate(zip(panel.names, cells, strict=True)):
                if cell is not None:
                    yield name, column, cell, panel.ns[number][place] if panel.ns else 0, ""
    else:
        for series in panel.series:
            for place, (at, estimate) in enumerate(series.points):
                shown = panel.labels.get(at, f"{at:g}")
                yield series.name, shown, estimate, series.ns[place] if series.ns else 0, ""
