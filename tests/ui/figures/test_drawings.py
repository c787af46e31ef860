"""Grids and lines in characters, figures as SVG and CSV: the same numbers, whatever names say."""

from __future__ import annotations

import csv
import io
import math
import xml.etree.ElementTree as ET

import pytest
from rich.cells import cell_len

from wgen_tui.ui.state.figures import heat
from wgen_tui.ui.state.figures.axis import DIFFERENCES, Estimate
from wgen_tui.ui.state.figures.chart import LEAST, Marked, charted
from wgen_tui.ui.state.figures.figure import Dot, Dots, Figure, Grid, Lines, Series, as_csv
from wgen_tui.ui.state.figures.svg import as_svg

MARKS = {"old": Marked("■", "red"), "new": Marked("▲", "")}
LINES = Lines(
    "share over steps",
    [
        Series("old", [(0, Estimate(0.0)), (50, Estimate(0.5, 0.4, 0.8)), (100, Estimate(1.0))]),
        Series("new", [(0, Estimate(0.0)), (100, Estimate(math.nan))]),
    ],
    "step",
)


def lines_of(panel: Lines, width: int, height: int) -> list[str]:
    return ["".join(text for text, _ in line) for line in charted(panel, width, height, MARKS)]


def test_lines_have_both_axes_and_a_mark_for_each_series() -> None:
    assert lines_of(LINES, 26, 7) == [
        "100%┤                  ··■",
        "    │          │  ·····   ",
        " 50%┤        ··■··        ",
        "    │   ·····             ",
        "  0%┤▲··                  ",
        "    └┬─────────┬─────────┬",
        "     0        50       100",
    ]


@pytest.mark.parametrize(
    ("width", "height"), [(24, 4), (40, 9), (61, 20), (23, 9), (40, 3), (0, 0)]
)
def test_lines_keep_the_size_that_they_are_given(width: int, height: int) -> None:
    shown = lines_of(LINES, width, height)
    fits = width >= LEAST[0] and height >= LEAST[1]
    assert len(shown) == (height if fits else 0)
    assert all(cell_len(line) == width for line in shown)


def test_places_that_are_no_numbers_have_their_names() -> None:
    points = [(0.0, Estimate(0.1)), (1.0, Estimate(0.9))]
    named = Lines("by name", [Series("old", points)], "who", labels={0.0: "Ann", 1.0: "Bob"})
    assert lines_of(named, 30, 5)[-1].split() == ["Ann", "Bob"]
    assert lines_of(Lines("none", [], "step"), 40, 9) == []


@pytest.mark.parametrize(
    ("share", "sign"),
    [(0.0, "0"), (0.04, "0"), (0.05, "0"), (0.06, "1"), (0.883, "9"), (0.96, "X"), (1.0, "X")],
)
def test_a_share_is_one_digit(share: float, sign: str) -> None:
    assert heat.tenth(share) == sign


def test_what_was_not_asked_is_no_digit() -> None:
    assert {heat.tenth(None), heat.tenth(math.nan)} == {heat.NOTHING}
    assert heat.tenth(-0.2) + heat.tenth(1.7) == "0X"


def test_shades_grow_with_the_share() -> None:
    shades = [heat.shade(share) for share in (0.0, 0.2, 0.6, 1.0)]
    assert len(set(shades)) == 4
    assert heat.shade(None) == heat.shade(0.0)


def test_names_that_are_cut_alike_are_still_told_apart() -> None:
    assert heat.short_names(["modern_american", "modern_audubon", "old"], 6) == [
        "moder1",
        "moder2",
        "old",
    ]
    assert len(set(heat.short_names([f"question {n}" for n in range(12)], 4))) == 12


FIGURE = Figure(
    "birds & <b>bees</b>",
    [
        Dots(
            "share",
            [
                Dot("old", Estimate(0.9, 0.8, 1.0, (0.85, 0.95)), 60, "old"),
                Dot("鳥の名前 \x1b[31m", Estimate(None), 0, "new"),
            ],
        ),
        Dots(
            "difference", [Dot("a − b", Estimate(-0.1, -0.4, 0.2), 9)], DIFFERENCES, "points", 0.0
        ),
        Grid("grid", ["old", "new"], [("q", [Estimate(0.5, 0.4, 0.6), None])], [[7, 0]]),
        LINES,
    ],
    ["* not to be read alone"],
)


def test_a_figure_is_a_picture_of_text_alone() -> None:
    picture = as_svg(FIGURE, {"old": 0, "new": -1})
    root = ET.fromstring(picture)
    words = [element.text or "" for element in root.iter() if element.tag.endswith("text")]
    assert "birds & <b>bees</b>" in words
    assert "* not to be read alone" in words
    assert any(word.startswith("鳥の名前") for word in words)
    assert "\x1b" not in picture
    assert not [e for e in root.iter() if e.tag.endswith(("script", "image", "style"))]
    assert "90.0% · n 60" in words
    assert picture == as_svg(FIGURE, {"old": 0, "new": -1})
    assert "#e69f00" in picture, "the first arm's colour"


def test_every_seed_is_in_the_picture() -> None:
    rings = as_svg(FIGURE).count('fill="#ffffff" stroke')
    assert rings == 2


def test_the_numbers_of_a_figure_are_a_table() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(FIGURE))))
    assert [(row["panel"], row["name"], row["at"]) for row in rows[:4]] == [
        ("share", "old", ""),
        ("share", "鳥の名前 \x1b[31m", ""),
        ("difference", "a − b", ""),
        ("grid", "q", "old"),
    ]
    assert rows[0] | {"note": ""} == {
        "panel": "share",
        "name": "old",
        "at": "",
        "value": "0.9",
        "low": "0.8",
        "high": "1.0",
        "n": "60",
        "seeds": "2",
        "each seed": "0.85 0.95",
        "note": "",
    }
    assert rows[1]["value"] == ""
    assert [row["at"] for row in rows if row["name"] == "old"][1:] == ["0", "50", "100"]
    assert as_csv(FIGURE, "\t").splitlines()[0].split("\t")[:2] == ["panel", "name"]
