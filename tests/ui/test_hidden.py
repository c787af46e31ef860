"""A screen that is not to be seen holds nothing of what it drew, and comes back as it was."""

from __future__ import annotations

from textual.screen import Screen
from textual.widget import Widget

from tests.builders.screen import Machine, settled, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp


def lines_kept(screen: Screen[object]) -> int:
    """How many drawn lines its widgets keep."""
    widgets = list(screen.walk_children(Widget))
    return sum(len(one._styles_cache._cache) + len(one._render_cache.lines) for one in widgets)


async def test_what_a_hidden_screen_drew_is_not_kept(home: Home, machine: Machine) -> None:
    app = WgenApp(home, screen="runs", machine=machine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "graded all" in text(app) and not app.screen._busy)
        runs = app.screen
        assert lines_kept(runs) > 40
        await pilot.press("3")
        await settled(pilot, lambda: app.screen is not runs and lines_kept(runs) == 0)
        await pilot.press("2")
        await settled(pilot, lambda: app.screen is runs and "graded all" in text(app))
        assert lines_kept(runs) > 40


async def test_below_a_dialog_it_stays(home: Home, machine: Machine) -> None:
    app = WgenApp(home, screen="runs", machine=machine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "graded all" in text(app) and not app.screen._busy)
        runs = app.screen
        await pilot.press("slash")
        await settled(pilot, lambda: app.screen is not runs and "Filter" in text(app))
        assert lines_kept(runs) > 40
