"""What a bench gives: one line for each figure, with its peer, ratio, bar and growth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """One thing measured.

    Attributes:
        what: What it is.
        ours: What was measured of ours.
        unit: Of `ours` and `peer`: s, ms, MB, rows/s, bytes, %.
        bar: The most (or the least, with `least`) that it may be.
        peer: What a peer took in the same run; None where the bar is a number.
        peer_name: Who that is.
        least: Whether `bar` is what must be reached rather than not passed.
        growth: The most times as much that it may be as at the smallest size.
        note: What else should be known.
    """

    what: str
    ours: float
    unit: str
    bar: float | None = None
    peer: float | None = None
    peer_name: str = ""
    least: bool = False
    growth: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return None if not self.peer else self.ours / self.peer

    @property
    def held(self) -> bool:
        """Whether the bar is held; the ratio is what counts where there is a peer."""
        if self.bar is None:
            return True
        value = self.ours if self.ratio is None else self.ratio
        return value >= self.bar if self.least else value <= self.bar

    def held_since(self, smallest: Figure | None) -> bool:
        """Whether it is held, and has not grown too much since the smallest size."""
        if self.growth is None or smallest is None or smallest is self:
            return self.held
        return self.held and self.ours <= self.growth * smallest.ours


@dataclass
class Report:
    """The figures of one size, in order."""

    samples: int
    figures: list[Figure] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        """Take a figure and print it at once: a bench may take minutes."""
        self.figures.append(figure)
        print(f"  {line(figure)}", flush=True)


def amount(value: float, unit: str) -> str:
    """A value with as many digits as say something."""
    if unit in ("rows/s", "bytes"):
        return f"{value:,.0f} {unit}"
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def bar_text(figure: Figure) -> str:
    """The bar as it is read: at most or at least, a ratio or an amount."""
    if figure.bar is None:
        return ""
    sign = "≥" if figure.least else "≤"
    most = f"{figure.bar:.3g} ×" if figure.peer is not None else amount(figure.bar, figure.unit)
    growth = f"; growth ≤ {figure.growth:.3g}" if figure.growth is not None else ""
    return f"{sign} {most}{growth}"


def missed(reports: Sequence[Report]) -> list[str]:
    """The bars that were missed at the largest size, that of the growth included."""
    before = {figure.what: figure for figure in reports[0].figures}
    lines = []
    for figure in reports[-1].figures:
        old = before.get(figure.what)
        if not figure.held_since(old):
            grown = f" · {grown_text(figure, old)} times the smallest" if figure.growth else ""
            lines.append(line(figure) + grown)
    return lines


def grown_text(figure: Figure, old: Figure | None) -> str:
    """How many times as much it is as at the smallest size."""
    return f"{figure.ours / old.ours:.2f}" if old is not None and old.ours else ""


def line(figure: Figure) -> str:
    """A figure as one line."""
    text = f"{figure.what}: {amount(figure.ours, figure.unit)}"
    if figure.ratio is not None:
        text += f", {figure.peer_name} {amount(figure.peer or 0, figure.unit)}"
        text += f", ratio {figure.ratio:.2f}"
    if figure.bar is not None:
        text += f" (bar {bar_text(figure)}{'' if figure.held else ', MISSED'})"
    return text + (f" · {figure.note}" if figure.note else "")


def table(reports: Sequence[Report]) -> str:
    """One row for each figure, one column for each size, and the growth between them.

    Args:
        reports: By size, ascending; the bar is that of the largest.
    """
    smallest, largest = reports[0], reports[-1]
    sizes = [f"{report.samples:,}" for report in reports]
    growth = [f"{sizes[-1]} / {sizes[0]}"] if len(reports) > 1 else []
    heads = ["what", *sizes, *growth, "peer", "ratio", "bar", "held"]
    rows = [heads, ["---"] * len(heads)]
    before = {figure.what: figure for figure in smallest.figures}
    by_size = [{figure.what: figure for figure in report.figures} for report in reports]
    for figure in largest.figures:
        cells = [
            amount(found.ours, found.unit) if (found := known.get(figure.what)) else ""
            for known in by_size
        ]
        if growth:
            cells.append(grown_text(figure, before.get(figure.what)))
        peer = ""
        if figure.peer is not None:
            peer = f"{figure.peer_name} {amount(figure.peer, figure.unit)}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        held = figure.held_since(before.get(figure.what))
        verdict = "" if figure.bar is None else "yes" if held else "**no**"
        rows.append([figure.what, *cells, peer, ratio, bar_text(figure), verdict])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
