"""Keys that are there before what they open: typed fast, or come at once over a slow line.

Promises: all keys are in the application's queue before it handles the first.
"""

from __future__ import annotations

from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from tests.builders.screen import Machine, settled, table
from wgen_tui.paths import Home
from wgen_tui.ui import modals
from wgen_tui.ui.app import WgenApp


def at_once(pilot: Pilot[Any], *keys: str) -> None:
    """Put keys and pasted texts (of several letters, with a space) into the queue."""
    for key in keys:
        if " " in key:
            pilot.app.post_message(events.Paste(key))
        else:
            pilot.app.post_message(events.Key(key, key if len(key) == 1 else None))


async def begun(pilot: Pilot[Any]) -> Any:
    app: Any = pilot.app
    await settled(pilot, lambda: not app.screen._busy and table(app).current is not None)
    return app


async def test_a_dialog_gets_its_text_and_enter_and_the_screen_what_follows(
    home: Home, machine: Machine
) -> None:
    async with WgenApp(home, screen="runs", machine=machine).run_test(size=(80, 24)) as pilot:
        app = await begun(pilot)
        at_once(pilot, "slash", *"old", "enter", "j", "space", "slash", "escape", "question_mark")
        await settled(pilot, lambda: isinstance(app.screen, modals.HelpModal))
        runs = app.screen_stack[-2]
        assert runs._filter == "old"
        assert len(runs._list.marked) == 1


async def test_a_screen_gets_its_keys_once_it_has_rows(home: Home, machine: Machine) -> None:
    async with WgenApp(home, experiment="mini", machine=machine).run_test(size=(80, 24)) as pilot:
        app = await begun(pilot)
        at_once(pilot, "3", "j", "j", "slash", "pasted words")
        await settled(pilot, lambda: app.screen.is_modal)
        await settled(pilot, lambda: app.screen.query_one(Input).value.endswith("pasted words"))
        samples = app.screen_stack[-2]
        assert (samples.SCOPE, table_of(samples).cursor) == ("samples", 2)


def table_of(screen: Any) -> Any:
    return screen.query_one("#list")


@pytest.mark.parametrize(("screen", "key"), [("experiments", "n"), ("samples", "n")])
async def test_a_dialog_that_a_thread_prepares_gets_its_text(
    home: Home, machine: Machine, screen: str, key: str
) -> None:
    app: Any = WgenApp(home, screen=screen, experiment="mini", machine=machine)
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(pilot)
        at_once(pilot, key, *"quo2")
        await settled(pilot, lambda: app.screen.is_modal)
        await settled(pilot, lambda: app.screen.query_one(Input).value == "quo2")


async def test_what_never_comes_holds_nobody(home: Home, machine: Machine) -> None:
    app: Any = WgenApp(home, screen="experiments", machine=machine)
    async with app.run_test(size=(80, 24)) as pilot:
        await begun(pilot)
        app.screen.opening.add("never")
        at_once(pilot, "q")
        await pilot.pause()
        assert app.is_running
        at_once(pilot, "j", "escape", "question_mark")
        await settled(pilot, lambda: app.screen.is_modal)
        app.screen_stack[-2].opening.add("never")
        at_once(pilot, "escape", "q", "ctrl+q")
        await settled(pilot, lambda: not app.is_running)
