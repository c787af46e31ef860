"""Curves in braille: the right width whatever comes, no peak lost, gaps without a number."""

from __future__ import annotations

import math
import random

import pytest
from rich.cells import cell_len

from wgen_tui.ui.state.figures.braille import Line, drawn, framed


def text(lines: list[Line], width: int, height: int, *, log: bool = False) -> list[str]:
    frame = framed(lines, log=log)
    rows = drawn(lines, frame, width, height) if frame is not None else []
    return ["".join(part for part, _ in row) for row in rows]


@pytest.mark.parametrize("seed", range(40))
def test_every_line_is_as_wide_as_asked(seed: int) -> None:
    chance = random.Random(seed)
    odd = (math.nan, math.inf, -math.inf, 0.0, -1e30, 1e-30, 1e30, 5.0)
    values = [
        [
            chance.choice(odd) if chance.random() < 0.2 else chance.gauss(0, 10)
            for _ in range(length)
        ]
        for length in (chance.randrange(60) for _ in range(chance.randint(1, 5)))
    ]
    width, height = chance.randint(24, 130), chance.randint(4, 40)
    lines = [Line("a", "", list(enumerate(series, 1))) for series in values]
    for log in (False, True):
        shown = text(lines, width, height, log=log)
        assert {cell_len(row) for row in shown} <= {width}
        assert len(shown) in (0, height)


def test_axes_have_numbers_and_lines_their_letters() -> None:
    falling = [(step, 4.0 - 3.0 * step / 100) for step in range(101)]
    rows = text([Line("a", "", falling), Line("b", "", [(0, 1.0), (100, 1.0)])], 60, 12)
    assert rows[0].startswith("4┤") and rows[9].startswith("1┤")
    assert rows[9].endswith("a") and rows[8].endswith("b"), "two end at one height"
    assert rows[11].split() == ["0", "20", "40", "60", "80", "100"]


def numbers(low: float, high: float, height: int, *, log: bool = False) -> list[str]:
    """The numbers of the axis up, from the top."""
    rows = text([Line("a", "", [(0, low), (1, high)])], 60, height, log=log)
    return [row.split("┤")[0].strip() for row in rows if "┤" in row]


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (0.618, 1.86, ["1.8", "1.6", "1.4", "1.2", "1.0", "0.8"]),
        (0.0, 3.0, ["3.0", "2.5", "2.0", "1.5", "1.0", "0.5", "0"]),
        (-1.0, 1.0, ["1.0", "0.5", "0", "-0.5", "-1.0"]),
        (0.0001, 0.0002, ["2.0e-4", "1.8e-4", "1.6e-4", "1.4e-4", "1.2e-4", "1.0e-4"]),
        (1.8612, 1.8619, ["1.8618", "1.8616", "1.8614", "1.8612"]),
        (900.0, 12_000.0, ["1.2e4", "1.0e4", "8000", "6000", "4000", "2000"]),
    ],
)
def test_numbers_up_are_round(low: float, high: float, shown: list[str]) -> None:
    assert numbers(low, high, 16) == shown


def test_ends_stand_where_there_is_no_room_for_round_numbers() -> None:
    assert numbers(0.618, 1.86, 4) == ["1.86", "0.618"]
    assert numbers(1.0, 4.0, 5) == ["4", "1"]


def test_numbers_up_of_a_log_axis() -> None:
    assert numbers(0.013, 250.0, 12, log=True) == ["100", "10", "1", "0.1"]
    assert numbers(0.9, 12.0, 12, log=True) == ["10", "5", "2", "1"]
    assert numbers(0.618, 1.86, 12, log=True) == ["1.5", "1.0"]


def test_a_number_up_stands_where_its_value_is_drawn() -> None:
    level = [Line("a", "", [(0, 0.0), (1, 10.0)]), Line("b", "", [(0, 5.0), (1, 5.0)])]
    at_five = next(row for row in text(level, 60, 12) if row.strip().startswith("5┤"))
    assert sum("⠀" < sign <= "⣿" for sign in at_five) > 40


def test_a_peak_of_one_step_in_many_is_seen() -> None:
    level = [(float(step), 9.0 if step == 50_300 else 1.0) for step in range(100_000)]
    rows = text([Line("a", "", level)], 60, 12)
    column = {row.index(sign) for row in rows[1:9] for sign in row if "⠀" < sign <= "⣿"}
    assert len(column) <= 2 and rows[0].strip("9┤ ") != ""


def test_what_is_no_number_leaves_a_gap() -> None:
    values = [(step, math.nan if 40 <= step < 60 else 1.0 + step % 2) for step in range(100)]
    rows = text([Line("a", "", values)], 110, 6)
    assert all(row[60:62].strip() == "" for row in rows[:4])
    assert any(row[20:22].strip() for row in rows[:4])


def test_a_log_axis_has_no_place_for_zero() -> None:
    line = Line("a", "", [(1, 100.0), (2, 0.0), (3, 1.0)])
    rows = text([line], 40, 7, log=True)
    assert [row.split("┤")[0].strip() for row in rows if "┤" in row] == ["100", "10", "1"]
    assert framed([Line("a", "", [(1, 0.0)])], log=True) is None


def test_the_first_line_lies_on_top() -> None:
    one, other = (Line(name, name, [(0, 1.0), (9, 2.0)]) for name in ("red", "blue"))
    frame = framed([one, other])
    assert frame is not None
    styles = {style for row in drawn([one, other], frame, 40, 8) for _, style in row}
    assert "red" in styles and "blue" not in styles


@pytest.mark.parametrize("size", [(23, 10), (40, 3)])
def test_without_room_there_is_nothing(size: tuple[int, int]) -> None:
    assert text([Line("a", "", [(0, 1.0), (1, 2.0)])], *size) == []
