"""Which experiment the screens begin with, and what an empty home says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest
from textual.css import stylesheet
from textual.screen import Screen

from tests.builders.mini_home import MiniHome
from tests.builders.screen import messages, settled, table, text
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
        assert not messages(app)


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


@pytest.mark.parametrize(("width", "layout"), [(80, "-narrow"), (120, "-wide")])
async def test_no_frame_is_painted_before_that_of_the_first_screen(
    home: Home, width: int, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[tuple[Screen[Any], frozenset[str]]] = []
    parsed: Counter[object] = Counter()
    parse, display = stylesheet.parse, WgenApp._display

    def noted(app: WgenApp, screen: Screen[Any], renderable: Any) -> None:
        if renderable is not None:
            frames.append((screen, frozenset(screen.classes)))
        display(app, screen, renderable)

    def read(scope: str, css: str, read_from: object, **options: Any) -> Iterable[Any]:
        parsed[read_from] += 1
        return parse(scope, css, read_from, **options)

    monkeypatch.setattr(WgenApp, "_display", noted)
    monkeypatch.setattr(stylesheet, "parse", read)
    app = WgenApp(home)
    async with app.run_test(size=(width, 30)) as pilot:
        await settled(pilot, lambda: len(table(app)) > 1)
        first = app.get_named_screen("experiments")
        assert app.screen_stack == [first]
        assert {screen for screen, _ in frames} == {first}
        assert set(parsed.values()) == {1}, "a style sheet was read twice"
        assert all(layout in classes for _, classes in frames)
        for key, name in (("2", "runs"), ("1", "experiments")):
            await pilot.press(key)
            await settled(pilot, lambda name=name: app.screen_stack == [app.get_named_screen(name)])
