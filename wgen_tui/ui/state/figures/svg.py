"""A figure as SVG, as a paper would print it: every seed a ring, the mean a disc, its interval.

Promises: the file stands alone (no script, nothing fetched), names are text and never markup, and
the same figure gives the same bytes. Colours are told apart by people who are colour-blind, and
every row says its name, so nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state.figures.axis import Estimate, is_number, label
from wgen_tui.ui.state.figures.figure import Dots, Figure, Grid, Lines, Panel

WIDTH = 820
LEFT, RIGHT = 236, 160  # for names, and for numbers
ROW = 24
HEAD = 46  # of a panel: its title
FOOT = 30  # of a panel: its axis
INK, FAINT, GREY = "#1c2128", "#d9dde3", "#6b7380"
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#c9b800", "#0072b2", "#d55e00")
NAME = 32  # characters of a name


def _text(words: str) -> str:
    return escape(printable(words, keep_newlines=False), quote=False)


class _Page:
    """The elements of a picture, one after the other."""

    def __init__(self, colours: Mapping[str, str]) -> None:
        self.parts: list[str] = []
        self.colours = colours

    def colour(self, arm: str) -> str:
        return self.colours.get(arm, INK)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str, wide: float) -> None:
        at = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
        self.parts.append(f'<line {at} stroke="{colour}" stroke-width="{wide:g}"/>')

    def circle(self, x: float, y: float, r: float, colour: str, *, filled: bool) -> None:
        fill = colour if filled else "#ffffff"
        self.parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:g}" fill="{fill}" stroke="{colour}"/>'
        )

    def box(self, x: float, y: float, wide: float, high: float, share: float) -> None:
        at = f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"'
        self.parts.append(f'<rect {at} fill="#0072b2" fill-opacity="{0.06 + 0.84 * share:.2f}"/>')

    def text(
        self, x: float, y: float, words: str, *, at: str = "start", style: str = "", ink: str = INK
    ) -> None:
        shown = _text(words)
        style = f" {style}" if style else ""
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{at}" fill="{ink}"{style}>{shown}</text>'
        )


def as_svg(figure: Figure, arms: Mapping[str, int] | None = None) -> str:
    """The picture.

    Args:
        figure: What it says.
        arms: The place of each arm among all, which gives it its colour; the base has none.
    """
    colours = {arm: COLOURS[n % len(COLOURS)] for arm, n in (arms or {}).items() if n >= 0}
    page = _Page(colours | {arm: GREY for arm, n in (arms or {}).items() if n < 0})
    page.text(16, 26, figure.title, style='font-size="15" font-weight="bold"')
    y = 36.0
    for panel in figure.panels:
        y = _panel(page, panel, y)
    for note in figure.notes:
        for words in _wrapped(note, 120):
            y += 16
            page.text(16, y, words, style='font-size="11"', ink=GREY)
    height = round(y + 18)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
    size = f' width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12"'
    about = f"<title>{_text(figure.title)}</title>"
    back = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    return "\n".join([f"{head}{size}>", about, back, *page.parts, "</svg>", ""])


def _panel(page: _Page, panel: Panel, top: float) -> float:
    """Draw a panel from `top` on; where the next one may begin."""
    page.text(16, top + 24, panel.title, style='font-weight="bold"', ink=GREY)
    if isinstance(panel, Dots):
        return _dots(page, panel, top + HEAD)
    if isinstance(panel, Grid):
        return _grid(page, panel, top + HEAD)
    return _lines(page, panel, top + HEAD)


def _x(value: float, axis: tuple[float, float]) -> float:
    low, high = axis
    share = min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.0
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _ticks(axis: tuple[float, float]) -> list[float]:
    return [axis[0] + (axis[1] - axis[0]) * part / 4 for part in range(5)]


def _dots(page: _Page, panel: Dots, top: float) -> float:
    bottom = top + ROW * len(panel.rows)
    for value in _ticks(panel.axis):
        x = _x(value, panel.axis)
        zero = panel.zero is not None and abs(value - panel.zero) < 1e-12
        page.line(x, top - 8, x, bottom, GREY if zero else FAINT, 1)
        words = label(value, panel.unit)
        page.text(x, bottom + 16, words, at="middle", style='font-size="11"', ink=GREY)
    for number, row in enumerate(panel.rows):
        y = top + ROW * number + ROW / 2 - 4
        colour = page.colour(row.arm)
        page.text(LEFT - 12, y + 4, _cut(row.name), at="end")
        _one(page, row.estimate, y, panel.axis, colour)
        n = f"n {row.n:,}" if row.n else ""
        said = _said(row.estimate.value, panel.unit)
        words = " · ".join(part for part in (said, row.note or n) if part)
        page.text(WIDTH - RIGHT + 14, y + 4, words, style='font-size="11"')
    return bottom + FOOT


def _one(page: _Page, estimate: Estimate, y: float, axis: tuple[float, float], colour: str) -> None:
    value, low, high, seeds = estimate
    if value is None or not is_number(value):
        return
    if low is not None and high is not None and is_number(low) and is_number(high):
        page.line(_x(low, axis), y, _x(high, axis), y, colour, 3)
        for end in (low, high):
            page.line(_x(end, axis), y - 5, _x(end, axis), y + 5, colour, 1.5)
    page.circle(_x(value, axis), y, 5, colour, filled=True)
    for seed in seeds if len(seeds) > 1 else ():  # one alone is the mean
        if is_number(seed):
            page.circle(_x(seed, axis), y, 3, colour, filled=False)


def _grid(page: _Page, panel: Grid, top: float) -> float:
    wide = min((WIDTH - LEFT - 20) / max(len(panel.names), 1), 90.0)
    for place, name in enumerate(panel.names):
        x, y = LEFT + wide * (place + 0.5), top + 46
        turned = f'transform="rotate(-55 {x:.1f} {y:.1f})" font-size="11"'
        page.text(x, y, _cut(name, 12), style=turned)
    top += 54
    for number, (name, cells) in enumerate(panel.rows):
        y = top + ROW * number
        page.text(LEFT - 12, y + 15, _cut(name), at="end")
        for place, cell in enumerate(cells):
            if cell is None or cell.value is None or not is_number(cell.value):
                continue
            x = LEFT + wide * place
            share = min(max(cell.value, 0.0), 1.0)
            page.box(x + 1, y + 1, wide - 2, ROW - 2, share)
            words = f"{100 * cell.value:.0f}" if panel.unit == "%" else f"{cell.value:.3g}"
            ink = "#ffffff" if share > 0.55 else INK
            page.text(x + wide / 2, y + 16, words, at="middle", style='font-size="10"', ink=ink)
    return top + ROW * len(panel.rows) + 12


def _lines(page: _Page, panel: Lines, top: float) -> float:
    high = 200.0
    places = sorted({at for series in panel.series for at, _ in series.points})
    ends = (places[0], places[-1]) if places else (0.0, 1.0)

    def y(value: float) -> float:
        low, end = panel.axis
        share = min(max((value - low) / (end - low), 0.0), 1.0) if end > low else 0.0
        return top + high * (1 - share)

    for value in _ticks(panel.axis):
        page.line(LEFT, y(value), WIDTH - RIGHT, y(value), FAINT, 1)
        page.text(LEFT - 8, y(value) + 4, label(value, panel.unit), at="end", ink=GREY)
    for at in places if len(places) <= 12 else places[:: len(places) // 6]:
        words = panel.labels.get(at, f"{at:g}")
        page.text(_x(at, ends), top + high + 18, words, at="middle", ink=GREY)
    page.text(WIDTH - RIGHT, top + high + 34, panel.along, at="end", ink=GREY)
    for number, series in enumerate(panel.series):
        colour = page.colour(series.arm)
        drawn = [(at, e) for at, e in series.points if e.value is not None and is_number(e.value)]
        at_value = " ".join(f"{_x(at, ends):.1f},{y(e.value or 0.0):.1f}" for at, e in drawn)
        page.parts.append(
            f'<polyline points="{at_value}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        for at, e in drawn:
            x = _x(at, ends)
            if e.low is not None and e.high is not None and is_number(e.low + e.high):
                page.line(x, y(e.low), x, y(e.high), colour, 1.5)
            page.circle(x, y(e.value or 0.0), 4, colour, filled=True)
        page.circle(WIDTH - RIGHT + 18, top + 18 * number, 4, colour, filled=True)
        page.text(WIDTH - RIGHT + 28, top + 4 + 18 * number, _cut(series.name, 18))
    return max(top + high + FOOT + 12, top + 18 * len(panel.series) + 12)


def _said(value: float | None, unit: str) -> str:
    if value is None or not is_number(value):
        return "–"
    if unit == "%":
        return f"{100 * value:.1f}%"
    return f"{100 * value + 0.0:+.1f}" if unit == "points" else f"{value:.4g}"


def _cut(name: str, most: int = NAME) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if len(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
