"""Painting only what differs.

Promises: a terminal shows after any sequence of updates what it shows with Textual's own.
"""

from __future__ import annotations

import random
import re
from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from wgen_tui.ui.painting import Painter

WIDTH, HEIGHT, CUT = 60, 8, 37
CODE = re.compile(r"\x1b\[([\d;]*)([Hm])")
STYLES = [
    Style.parse(text)
    for text in (
        "none",
        "#e0e0e0 on #121212",
        "bold #e0e0e0 on #121212",
        "dim #999999 on #121212",
        "underline #999999 on #121212",
        "reverse #003054 on #000000",
        "on #000000",
    )
]
WORDS = ["a", "seed", "  ", "▶", "漢字", "é", "e\u0301", "○ queued", "…", " " * 25, "loss 0.25"]


class Shown:
    """A screen, as far as a painter cares."""


SCREEN = Shown()
CONSOLE = Console(file=StringIO(), force_terminal=True, color_system="truecolor")


class Grid:
    """Cells as a terminal shows them: of a blank, only its paper and its lines."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], tuple[str, frozenset[str]]] = {}
        self.x = self.y = 0
        self.codes: list[str] = []

    def send(self, data: str) -> Grid:
        place = 0
        for match in CODE.finditer(data):
            self._write(data[place : match.start()])
            place = match.end()
            numbers = match[1]
            if match[2] == "H":
                self.y, self.x = (int(number) - 1 for number in numbers.split(";"))
                continue
            if numbers in ("", "0"):
                self.codes = []
            elif numbers.startswith("0;"):
                self.codes = _codes(numbers[2:])
            else:
                self.codes += _codes(numbers)
        self._write(data[place:])
        return self

    def _write(self, text: str) -> None:
        for character in text.replace("\n", ""):
            width = cell_len(character)
            if not width:
                before = self.cells[self.y, self.x - 1]
                self.cells[self.y, self.x - 1] = (before[0] + character, before[1])
                continue
            shown = self.codes
            if character == " " and not {"4", "7"} & set(shown):
                shown = [code for code in shown if code.startswith("48;")]
            for step in range(width):
                self.cells[self.y, self.x + step] = ("" if step else character, frozenset(shown))
            self.x += width


def _codes(numbers: str) -> list[str]:
    return re.findall(r"[34]8;2;\d+;\d+;\d+|\d+", numbers)


def strip(chance: random.Random, width: int) -> Strip:
    """A line of words in several styles."""
    segments, length = [], 0
    while length < width:
        segments.append(Segment(chance.choice(WORDS), chance.choice(STYLES)))
        length += segments[-1].cell_length
    return Strip(segments).adjust_cell_length(width, STYLES[1])


class Picture:
    """Two widgets side by side, whose lines change."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.lines = [self._line() for _ in range(HEIGHT)]

    def _line(self) -> dict[int, Strip]:
        return {0: strip(self.chance, CUT), CUT: strip(self.chance, WIDTH - CUT)}

    def whole(self) -> LayoutUpdate:
        return LayoutUpdate([line.values() for line in self.lines], Region(0, 0, WIDTH, HEIGHT))

    def partial(self) -> ChopsUpdate:
        """Some lines of one widget become others, or those of a neighbour."""
        x = self.chance.choice([0, CUT])
        width = (CUT if x == 0 else WIDTH - CUT) - self.chance.choice([0, 0, 9])
        changed = sorted(self.chance.sample(range(HEIGHT), self.chance.randint(1, HEIGHT)))
        before = [dict(line) for line in self.lines]
        for y in changed:
            other = self.chance.choice([self._line(), before[y - 1], before[y]])
            kept = self.lines[y][x].crop(width)
            self.lines[y][x] = Strip.join([other[x].crop(0, width), kept])
        chops: list[dict[int, Strip | None]] = [
            {at: line[at] if at == x and y in changed else None for at in line}
            for y, line in enumerate(self.lines)
        ]
        spans = [(y, x, x + width) for y in changed]
        return ChopsUpdate(chops, spans, [[CUT, WIDTH]] * HEIGHT)


@pytest.mark.parametrize("seed", range(20))
def test_a_terminal_shows_what_textual_would_show(seed: int) -> None:
    picture, painter = Picture(random.Random(seed)), Painter()
    ours, theirs = Grid(), Grid()
    for step in range(30):
        if step in (9, 18):  # as the partial ones, but that the whole screen is repainted
            picture.partial()
        update = picture.whole() if step in (0, 9, 17, 18) else picture.partial()
        ours.send(painter.changes(update, SCREEN).render_segments(CONSOLE))
        theirs.send(update.render_segments(CONSOLE))
        assert ours.cells == theirs.cells, f"step {step}"


def test_a_wide_text_comes_back_where_a_part_of_it_was_written_over() -> None:
    wide = Strip([Segment("漢字漢字", STYLES[1])]).adjust_cell_length(WIDTH, STYLES[1])
    blank = Strip([Segment(" " * WIDTH, STYLES[1])])
    cut = Strip.join([wide.crop(0, 4), blank.crop(4)])
    painter, ours, theirs = Painter(), Grid(), Grid()
    for update in (
        LayoutUpdate([[wide]], Region(0, 0, WIDTH, 1)),
        ChopsUpdate([{0: cut}], [(0, 4, WIDTH)], [[WIDTH]]),
        ChopsUpdate([{0: wide}], [(0, 0, WIDTH)], [[WIDTH]]),
    ):
        ours.send(painter.changes(update, SCREEN).render_segments(CONSOLE))
        theirs.send(update.render_segments(CONSOLE))
    assert ours.cells == theirs.cells


def test_nothing_is_sent_for_what_is_shown_already() -> None:
    picture, painter = Picture(random.Random(1)), Painter()
    painter.changes(picture.whole(), SCREEN).render_segments(CONSOLE)
    again = ChopsUpdate(
        picture.lines, [(y, 0, WIDTH) for y in range(HEIGHT)], [[CUT, WIDTH]] * HEIGHT
    )
    assert painter.changes(again, SCREEN).render_segments(CONSOLE) == ""


def test_a_screen_that_is_repainted_sends_what_differs_and_another_all() -> None:
    picture, painter, other = Picture(random.Random(1)), Painter(), Shown()
    painter.changes(picture.whole(), SCREEN).render_segments(CONSOLE)
    update = picture.whole()
    assert painter.changes(update, SCREEN).render_segments(CONSOLE) == ""
    assert painter.changes(update, other).render_segments(CONSOLE) == whole_of(update)
    painter.forget()
    assert painter.changes(update, other).render_segments(CONSOLE) == whole_of(update)


def whole_of(update: LayoutUpdate) -> str:
    """What Textual sends."""
    return update.render_segments(CONSOLE)


def test_what_is_not_known_is_sent_whole() -> None:
    picture, painter = Picture(random.Random(2)), Painter()
    painter.changes(picture.whole(), SCREEN).render_segments(CONSOLE)
    painter.changes("something else was printed", SCREEN)
    update = picture.partial()
    sent = painter.changes(update, SCREEN).render_segments(CONSOLE)
    assert sent == update.render_segments(CONSOLE)
