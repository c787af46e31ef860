"""A dialog and the screen below it: drawn anew for what changes, and not otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from tests.builders.mini_home import MiniHome
from tests.builders.screen import Machine, settled, strips, table, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp


def painted(app: WgenApp) -> list[object]:
    """What the application paints from here on."""
    kept: list[object] = []
    changes = app._painter.changes

    def keep(update: Any, screen: object) -> Any:
        if update is not None:
            kept.append(update)
        return changes(update, screen)

    vars(app._painter)["changes"] = keep
    return kept


@pytest.mark.parametrize("dialog", ["slash", "colon"])
async def test_what_changes_below_is_painted_once(
    home: Home, machine: Machine, dialog: str
) -> None:
    app = WgenApp(home, screen="runs", machine=machine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "graded all" in text(app) and not app.screen._busy)
        runs: Any = app.screen
        await pilot.press(dialog)
        await settled(pilot, lambda: app.screen is not runs and not runs._busy)
        seen = painted(app)
        runs.query_one("#summary", Static).update("something new below")
        await settled(pilot, lambda: "something new below" in text(app))
        assert len(seen) <= 2


async def test_nothing_is_read_below_and_all_of_it_afterwards(
    mini: MiniHome, machine: Machine
) -> None:
    mini.definition()
    run_id = mini.run("old", 0, "treatment")
    mini.launch([run_id])
    launch = next(iter(mini.home.launches.iterdir())).name
    app = WgenApp(mini.home, screen="runs", machine=machine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "graded all" in text(app) and not app.screen._busy)
        runs: Any = app.screen
        await pilot.press("slash")
        await settled(pilot, lambda: app.screen is not runs and not runs._busy)
        runs._missed.clear()
        before = dict(runs._tickets)
        await settled(pilot, lambda: {"list", "status", "bar"} <= set(runs._missed))
        assert runs._tickets == before
        with mini.home.launch(launch).log.open("a") as log:
            log.write("one word more\n")
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen is runs and "one word more" in text(app))
        assert not runs._missed


@pytest.mark.parametrize(("screen", "key"), [("runs", "slash"), ("runs", "f2"), ("sql", "tab")])
async def test_no_cursor_blinks_and_it_is_seen(
    home: Home, machine: Machine, screen: str, key: str
) -> None:
    app = WgenApp(home, screen=screen, machine=machine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: not app.screen._busy)
        await pilot.press(key)
        await settled(pilot, lambda: isinstance(app.focused, Input | TextArea))
        field: Any = app.focused
        part = "text-area--cursor" if isinstance(field, TextArea) else "input--cursor"
        cursor = field.get_component_rich_style(part)
        await settled(pilot, lambda: not field.cursor_blink)
        assert any(one.style == cursor for line in strips(app) for one in line)


async def click_on(pilot: Pilot[Any], words: str) -> None:
    """Click where these words stand."""
    for y, line in enumerate(text(pilot.app).splitlines()):
        if words in line:
            await pilot.click(offset=(cell_len(line[: line.index(words)]), y))
            return
    raise AssertionError(f"no {words!r} on the screen:\n{text(pilot.app)}")


async def test_the_keys_that_a_dialog_names_can_be_clicked(home: Home, machine: Machine) -> None:
    app = WgenApp(home, screen="runs", machine=machine)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "▶" in text(app) and not app.screen._busy)
        screen = app.screen
        for key, words in {
            "x": "n no",
            "slash": "esc cancels",
            "ctrl+o": "esc cancels",
            "question_mark": "esc closes",
        }.items():
            await pilot.press(key)
            await settled(pilot, lambda words=words: words in text(app))
            await click_on(pilot, words)
            await settled(pilot, lambda: app.screen is screen)
        await pilot.press("slash", *"zzz")
        await click_on(pilot, "enter takes it")
        await settled(pilot, lambda: "No run matches" in text(app))


async def test_values_are_clicked_in_the_dialog_of_facets(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        await pilot.press("f")
        await settled(pilot, lambda: "[ ] old" in text(app))
        await click_on(pilot, "[ ] old")
        await settled(pilot, lambda: "[x] old" in text(app))
        await click_on(pilot, "enter lists them")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) < 30)
        assert "arm=old" in app.screen.filter_words()
