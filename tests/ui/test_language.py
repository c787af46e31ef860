"""What all six screens share: bars, messages, panels, colours, marks, sizes."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

import wgen_tui
from tests.builders.screen import messages, notices, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.services.runs.run_state import RunStatus
from wgen_tui.ui.app import SCREENS, WgenApp
from wgen_tui.ui.modals.dialogs import ChooseModal
from wgen_tui.ui.state.cells import Cell, Column, Span, line_pieces
from wgen_tui.ui.state.shared import app_bar
from wgen_tui.ui.state.shared.arm_colours import ARM_STYLES, ArmColours
from wgen_tui.ui.themes import AsciiSigns, shows_utf8
from wgen_tui.ui.widgets.bars import KeyBar, TopBar


def run(state: str, eta: float | None = None) -> RunStatus:
    return RunStatus(
        run_id="r", experiment="mini", model="m", arm="old", role="treatment", seed=0,
        state=state, eta_seconds=eta, started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


def test_arms_keep_their_colours_and_marks_whatever_is_listed() -> None:
    arms = [f"arm{number}" for number in range(20)]
    colours = ArmColours(arms)
    assert colours["base"] == ArmColours()["base"]
    assert [colours[arm] for arm in arms[:7]] == list(ARM_STYLES)
    assert len({colours[arm] for arm in [*arms, "base"]}) == 21
    assert colours["unheard of"] == colours["unheard of"]
    assert "red" not in {style.colour for style in ARM_STYLES}
    assert len({style.mark for style in ARM_STYLES}) == 7
    assert all(cell_len(style.mark) == 1 for style in ARM_STYLES)


def test_the_bar_drops_what_matters_less() -> None:
    now = app_bar.everywhere([run("running", 30.0), run("queued"), run("failed")])
    assert app_bar.right_side(now, "mini", 60).plain == "mini · ▶ 1 · ○ 1 · ✗ 1 · 30s left"
    assert app_bar.right_side(now, "mini", 12).plain == "▶ 1 · ✗ 1"
    assert app_bar.right_side(now, "mini", 3).plain == ""
    for width in range(80):
        for name in ("mini", "a-name-that-is-very-long-and-stands-alone", None):
            assert cell_len(app_bar.right_side(now, name, width).plain) <= width


def test_a_part_of_a_cell_has_its_own_style() -> None:
    columns = (Column("a", 6), Column("n", 6, "right"))
    cells = [Cell("■ old", "", (Span(0, 1, "red"),)), Cell("12", "dim", (Span(0, 1, "bold"),))]
    pieces = line_pieces(columns, cells, 13)
    assert "".join(part for part, _ in pieces) == "■ old      12"
    assert pieces == [
        ("■", " red"), (" old ", ""), (" ", ""), ("    ", "dim"), ("1", "dim bold"), ("2", "dim"),
    ]  # fmt: skip


def test_without_utf8_signs_are_ascii_of_the_same_width() -> None:
    line = "▶ ■ old ├──●──┤ 漢字 ⠈⢢ é … ✗"
    [segment] = AsciiSigns().apply([Segment(line)], Color(0, 0, 0))
    assert segment.text.isascii() and cell_len(segment.text) == cell_len(line)
    assert segment.text == "> # old +--*--+ ????  *  ? ~ x".replace("  *  ?", " ** ?")
    assert shows_utf8({}) and shows_utf8({"LANG": "C.UTF-8"})
    assert not shows_utf8({"LC_ALL": "C", "LANG": "en_US.UTF-8"})
    assert not shows_utf8({"LANG": "de_DE.ISO-8859-1"})


def test_each_sign_of_ours_has_one_in_ascii() -> None:
    without = {
        sign
        for path in Path(wgen_tui.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for sign in node.value
        if unicodedata.category(sign)[0] in "SPN"
        and not sign.isascii()
        and AsciiSigns().apply([Segment(sign)], Color(0, 0, 0))[0].text == "?"
    }
    assert without <= {"\N{REPLACEMENT CHARACTER}"}


def test_a_theme_that_the_environment_names_has_its_own_colours() -> None:
    code = """
from pathlib import Path
from textual.filter import ANSIToTruecolor
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.themes import ANSI_LIGHT
app = WgenApp(Home(Path("none")))
(colours,) = (each for each in app.get_line_filters() if isinstance(each, ANSIToTruecolor))
assert colours._terminal_theme is ANSI_LIGHT, "red on white is another red"
"""
    environment = os.environ | {"TEXTUAL_THEME": "wgen-light"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


async def test_tabs_and_the_key_line_can_be_clicked(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.screen._shown)
        await pilot.click(TopBar, offset=(18, 0))
        await settled(pilot, lambda: app.screen.SCOPE == "runs" and len(table(app)) > 1)
        keys = text(app).splitlines()[-1]
        await pilot.click(KeyBar, offset=(keys.index("adapter"), 0))
        await settled(pilot, lambda: app.screen.query_one("#card").has_focus)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
@pytest.mark.parametrize(
    ("screen", "views"),
    [
        ("experiments", ["arms", "tokens", "card"]),
        ("runs", ["difference", "adapter", "rates"]),
        ("results", ["grid", "questions", "arms"]),
    ],
)
async def test_views_can_be_clicked_by_name(
    home: Home, screen: str, views: list[str], size: tuple[int, int]
) -> None:
    app = WgenApp(home, screen=screen, experiment="mini")

    def place(view: str) -> tuple[int, int] | None:
        """Where the name of a view stands among others."""
        for y, line in enumerate(text(app).splitlines()):
            others = [other for other in views if other != view]
            found = re.search(rf"(?<=  |─ |━ ){view}(?= )", line)
            if found and any(f" {other}" in line or f"[{other}" in line for other in others):
                return found.start(), y
        return None

    async with app.run_test(size=size) as pilot:
        # What a small Runs says above the panels has one line until all is read, then two.
        moves = (screen, size) == ("runs", (80, 24))
        await settled(pilot, lambda: not moves or "not verified" in text(app))
        for view in views:
            await settled(pilot, lambda view=view: place(view) or f"[{view}" in text(app))
            if (at := place(view)) is not None:
                await pilot.click(offset=at)
            await settled(pilot, lambda view=view: f"[{view}" in text(app))
        assert app.focused.id == "list" or screen == "experiments"


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("name", SCREENS)
async def test_of_the_keys_none_is_cut_and_help_is_the_last(
    home: Home, name: str, width: int
) -> None:
    app = WgenApp(home, screen=name, experiment="mini")
    async with app.run_test(size=(width, 24)) as pilot:
        await settled(pilot, lambda: "all keys" in text(app))
        line = app.screen.query_one(KeyBar).render().plain
        assert line.endswith("? all keys") and cell_len(line) == width
        bar = app.screen.query_one(TopBar).render().plain
        assert cell_len(bar) <= width


async def test_a_message_stays_until_the_next_key_and_is_no_toast(home: Home) -> None:
    app = WgenApp(home, readonly=True, experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.screen._shown)
        await pilot.press("s")
        await settled(pilot, lambda: "Nothing is changed under --readonly." in messages(app))
        assert not notices(app)
        await pilot.press("j")
        await settled(pilot, lambda: not messages(app))


async def test_zoom_gives_a_panel_the_screen_and_puts_all_back(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "+100.0 points" in text(app))  # what comes last
        await settled(pilot, lambda: app.screen._shown and not app.screen.loading_any)
        before = text(app)
        await pilot.press("z")
        await settled(pilot, lambda: table(app).outer_size.height == 21)
        assert not app.screen.query_one("#card").size.height
        await pilot.press("z")
        await settled(pilot, lambda: text(app) == before)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_divider_moves_until_a_panel_is_small(home: Home, size: tuple[int, int]) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=size) as pilot:
        await settled(pilot, lambda: app.screen._shown)
        place = table(app).outer_size
        await pilot.press("greater_than_sign")
        await settled(pilot, lambda: sum(table(app).outer_size) > sum(place))
        await pilot.press(*["less_than_sign"] * 20)
        await settled(pilot, lambda: "No divider can move here." in messages(app))
        assert min(table(app).outer_size) >= 4
        assert app.screen.query_one("#card").outer_size.height >= 4


async def test_too_small_a_terminal_is_told_so(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(59, 20)) as pilot:
        await settled(pilot, lambda: "60x16 at least; this is 59x20" in text(app))
        await pilot.resize_terminal(80, 24)
        await settled(pilot, lambda: "all keys" in text(app) and "at least" not in text(app))


async def test_another_experiment_is_taken_in_hand_anywhere(home: Home) -> None:
    app = WgenApp(home, screen="runs", experiment="mini")
    async with app.run_test(size=(120, 30)) as pilot:
        await settled(pilot, lambda: len(table(app)) > 1)
        await pilot.press("ctrl+o")
        await settled(pilot, lambda: app.screen.is_modal)
        await pilot.press("j", "enter")
        await settled(pilot, lambda: app.experiment != "mini" and app.experiment in text(app))


@pytest.mark.parametrize("size", [(80, 24), (60, 16)], ids=["80x24", "60x16"])
async def test_a_long_choice_fits_and_letters_find_in_it(home: Home, size: tuple[int, int]) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=size) as pilot:
        await settled(pilot, lambda: not app.screen.loading_any)
        await pilot.press("ctrl+o")
        await settled(pilot, lambda: isinstance(app.screen, ChooseModal))
        await settled(pilot, lambda: "letters find" in text(app))
        await pilot.press(*"tiny-rob")
        await settled(pilot, lambda: "▊ tiny-robot" in text(app))
        await pilot.press("k")
        await settled(pilot, lambda: "tiny-robk is in none of them" in text(app))
        await pilot.press("backspace", "enter")
        await settled(pilot, lambda: app.experiment == "tiny-robot")
