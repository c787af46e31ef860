"""Which experiment the screens begin with, and what an empty home says."""

from __future__ import annotations

import pytest

from tests.builders.mini_home import MiniHome
from tests.builders.screen import notices, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp


async def test_empty_home_says_what_to_do(mini: MiniHome) -> None:
    for screen in ("runs", "samples"):
        app = WgenApp(mini.home, screen=screen)
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot, lambda app=app: "wgen-tui demo" in text(app))


async def test_begins_where_runs_are_and_results_are_one_key_away(home: Home) -> None:
    app = WgenApp(home)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.screen.SCOPE == "experiments" and len(table(app)) > 1)
        await settled(pilot, lambda: app.experiment == "mini")
        await pilot.press("5")
        await settled(pilot, lambda: "share of old by era" in text(app))
        await pilot.press("4")
        await settled(pilot, lambda: "Which century?" in text(app))
        assert not notices(app)


@pytest.mark.parametrize(("screen", "says"), [("results", "share of old"), ("grade", "Which cent")])
async def test_with_no_choice_made_the_one_with_runs_is_taken(
    home: Home, screen: str, says: str
) -> None:
    app = WgenApp(home, screen=screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: says in text(app))


async def test_an_empty_home_follows_the_first_runs(mini: MiniHome) -> None:
    app = WgenApp(mini.home)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.screen.SCOPE == "experiments" and app.screen._shown)
        assert app.experiment is None
        await pilot.press("5")
        await settled(pilot, lambda: "No results yet" in text(app))
        mini.definition("mini")
        mini.draw(mini.run("old", 0), lambda q, d: "By coach")
        await settled(pilot, lambda: "share of old" in text(app))


async def test_quitting_before_the_rest_has_begun_begins_nothing(home: Home) -> None:
    app = WgenApp(home)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+q")
    app._begin_rest()
