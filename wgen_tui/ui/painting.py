"""Only the cells that changed are sent to the terminal.

Textual sends each repainted widget from its left edge on, whatever differs: a list that scrolls by
a page is 6 KB, of which a slow line needs one. `Painter` knows what the terminal shows and sends
the difference.

Promises: what is shown is what Textual would have shown; another screen, another size and a return
from the shell are sent in full. A screen that is repainted as a whole (below a dialog Textual does
so whenever anything moves) sends what differs, as it does for a part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import COLOR_SYSTEMS
from rich.control import Control
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

if TYPE_CHECKING:
    from rich.console import Console

GAP = 20  # cells between two changes that are sent again, being cheaper than another move


class Cell(NamedTuple):
    """What stands in a cell.

    A text with characters that are not one cell wide is in the first of its cells, and the others
    are empty: it is sent as a whole.
    """

    text: str
    style: Style | None


class Painter:
    """What one terminal shows."""

    def __init__(self) -> None:
        self._lines: list[list[Cell] | list[Strip]] = []
        self._width = 0
        self._shown: Callable[[], object] = lambda: None  # the screen, as long as there is one

    def changes(self, update: Any, screen: object) -> Any:
        """The update that sends less, for one by Textual.

        Args:
            update: Textual's.
            screen: Whose; another than before is sent in full.
        """
        if isinstance(update, ChopsUpdate):
            return _Changes(self, update)
        if isinstance(update, LayoutUpdate) and not update.region.offset:
            return _Whole(self, update, screen)
        if update is not None:
            self.forget()
        return update

    def forget(self) -> None:
        """What the terminal shows is no longer known."""
        self._lines = []

    def whole(self, update: LayoutUpdate, screen: object, console: Console) -> str:
        """Send everything of another screen, and of the same one what differs."""
        lines = [list(line) for line in update.strips]
        width = update.region.width
        if self._shown() is screen and len(lines) == len(self._lines) and width == self._width:
            cells = [_cells(line) for line in lines]
            if all(len(line) == width for line in cells):
                return self._differing(cells, console)
        self._shown, self._width, self._lines = ref(screen), width, [*lines]
        return update.render_segments(console)  # taken apart once a part of it is repainted

    def _differing(self, lines: list[list[Cell]], console: Console) -> str:
        pen = _pen(console)
        for y, cells in enumerate(lines):
            for a, b in _runs(self._line(y), cells):
                pen.write(a, y, cells[a:b])
            self._lines[y] = cells
        return pen.finish()

    def changed(self, update: ChopsUpdate, console: Console) -> str:
        """Send the cells of its spans that differ."""
        width = update.chop_ends[0][-1] if update.chop_ends else 0
        if len(update.chops) != len(self._lines) or width != self._width:
            self.forget()
            return update.render_segments(console)
        pen = _pen(console)
        for y, start, stop in update.spans:
            line = self._line(y)
            ends = update.chop_ends[y]
            for end, (x, strip) in zip(ends, update.chops[y].items(), strict=False):
                first, last = max(x, start), min(end, stop)
                if strip is None or first >= last:
                    continue
                cells = _cells([strip.crop(first - x, last - x)])
                if len(cells) != last - first:  # a strip that does not fill its widget
                    self.forget()
                    return update.render_segments(console)
                for a, b in _runs(line[first:last], cells):
                    pen.write(first + a, y, cells[a:b])
                line[first:last] = cells
        return pen.finish()

    def _line(self, y: int) -> list[Cell]:
        line = self._lines[y]
        if line and isinstance(line[0], Strip):
            line = self._lines[y] = _cells(line)
        return line  # type: ignore[return-value]


class _Changes(CompositorUpdate):
    def __init__(self, painter: Painter, update: ChopsUpdate) -> None:
        self._painter = painter
        self._update = update

    def render_segments(self, console: Console) -> str:
        return self._painter.changed(self._update, console)


class _Whole(CompositorUpdate):
    def __init__(self, painter: Painter, update: LayoutUpdate, screen: object) -> None:
        self._painter = painter
        self._update = update
        self._screen = screen

    def render_segments(self, console: Console) -> str:
        return self._painter.whole(self._update, self._screen, console)


class _Pen:
    """Moves, colours and texts as the terminal reads them; a colour is named when it changes."""

    def __init__(self, colors: ColorSystem) -> None:
        self._colors = colors
        self._parts: list[str] = []
        self._ansi = ""

    def write(self, x: int, y: int, cells: Sequence[Cell]) -> None:
        self._parts.append(Control.move_to(x, y).segment.text)
        for style, same in groupby(cells, lambda cell: cell.style):
            text = "".join(cell.text for cell in same)
            if style is not None and style.link:
                self._colour("")
                self._parts.append(Strip.render_style(style, text, self._colors))
                continue
            self._colour("" if style is None else _ansi(style, text.isspace(), self._colors))
            self._parts.append(text)

    def _colour(self, ansi: str) -> None:
        if ansi == self._ansi:
            return
        if not ansi:
            self._parts.append("\x1b[0m")
        else:
            self._parts.append(f"\x1b[0;{ansi}m" if self._ansi else f"\x1b[{ansi}m")
        self._ansi = ansi

    def finish(self) -> str:
        self._colour("")
        return "".join(self._parts)


def _pen(console: Console) -> _Pen:
    return _Pen(COLOR_SYSTEMS.get(console.color_system or "", ColorSystem.TRUECOLOR))


@lru_cache(4096)
def _ansi(style: Style, blank: bool, colors: ColorSystem) -> str:
    """The codes of a style; of blanks, only what shows of them."""
    if blank and not (
        style.underline or style.underline2 or style.overline or style.reverse or style.strike
    ):
        style = Style(bgcolor=style.bgcolor)
    return Strip.render_ansi(style, colors)


def _cells(strips: Sequence[Strip]) -> list[Cell]:
    cells: list[Cell] = []
    for strip in strips:
        for text, style, _ in strip:
            width = len(text) if text.isascii() else cell_len(text)
            if width == len(text):
                cells += [Cell(character, style) for character in text]
            elif width:
                cells.append(Cell(text, style))
                cells += [Cell("", style)] * (width - 1)
            elif cells:
                cells[-1] = Cell(cells[-1].text + text, cells[-1].style)
    return cells


def _runs(old: Sequence[Cell], new: Sequence[Cell]) -> Iterator[tuple[int, int]]:
    """From where to where the cells differ; a text that is sent as a whole is not divided."""
    differing = [i for i, cell in enumerate(new) if i >= len(old) or cell != old[i]]
    if not differing:
        return
    starts = [differing[0]]
    stops = []
    for before, after in pairwise(differing):
        if after - before > GAP:
            stops.append(before + 1)
            starts.append(after)
    stops.append(differing[-1] + 1)
    for start, stop in zip(starts, stops, strict=True):
        while start and not new[start].text:
            start -= 1
        yield start, stop
