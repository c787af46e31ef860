"""Every key in every panel of every screen acts or says why not, and waits for nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from tests.builders.held_disk import HeldDisk
from tests.builders.screen import Machine, settled, strips, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import SCREENS, WgenApp
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.widgets.bars import MessageLine

ENOUGH = 10.0  # seconds after which a key that changed nothing is taken for silent
ENDS = {"q", "ctrl+q"}
EDITORS = {"SqlEditor", "Input"}  # whose keys write
# Screens that are none of the six → from which, and the keys that lead there.
BEHIND = {"compare": ("samples", ("equals_sign",)), "graded": ("grade", ("o", "e", "y"))}
OWN = ("escape", "tab", "f12", "ö")  # the last two mean nothing anywhere


def look(app: WgenApp) -> tuple[object, ...]:
    """What a person sees, and where the keys go."""
    drawn = tuple(tuple(strip) for strip in strips(app))
    return id(app.screen), id(app.focused), drawn, tuple(app._notifications)


async def ready(pilot: Pilot[Any]) -> None:
    app = pilot.app
    await settled(pilot, lambda: not getattr(app.screen, "loading_any", False))
    await pilot.pause()


async def back_to(pilot: Pilot[Any], screen: BaseScreen, panel: Widget) -> None:
    """As before any key: this screen, this panel, nothing said, nothing zoomed."""
    app: Any = pilot.app
    while app.screen.is_modal:
        await pilot.pause()  # nobody closes a dialog that has not come yet
        app.pop_screen()
    if app.screen is not screen:
        app.switch_screen(screen)
        await pilot.pause()
    if screen.query(".-zoomed"):
        screen.action_zoom()
    panel.focus()
    await ready(pilot)  # what the key before has begun may still say something
    app.clear_notifications()
    for line in screen.query(MessageLine):
        line.clear()
    await pilot.pause()


async def acts(pilot: Pilot[Any], key: str) -> bool:
    """Whether anything is another after a key."""
    before, end = look(pilot.app), time.monotonic() + ENOUGH
    await pilot.press(key)
    while time.monotonic() < end:
        if look(pilot.app) != before:
            return True
        await pilot.pause(0.01)
    return False


def bound(screen: BaseScreen, *, everywhere: bool) -> list[str]:
    """The keys that mean something here, but those that end or write."""
    return [
        key
        for key, found in screen.active_bindings.items()
        if key not in ENDS
        and type(found.node).__name__ not in EDITORS
        and (everywhere or found.node is not screen.app)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SCREENS, *BEHIND])
async def test_each_acts_or_says_why_not_and_touches_no_disk(
    home: Home, name: str, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldDisk(monkeypatch, home.root)
    first, keys_to = BEHIND.get(name, (name, ()))
    app = WgenApp(home, screen=first, experiment="mini", machine=machine)
    silent = []
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        for key in keys_to:
            await pilot.press(key)
            await ready(pilot)
        await settled(pilot, lambda: getattr(app.screen, "SCOPE", "") == name)
        await ready(pilot)
        screen: Any = app.screen
        for number, panel in enumerate(list(screen.focus_chain)):
            await back_to(pilot, screen, panel)
            keys = [*bound(screen, everywhere=not number), *OWN]
            for key in dict.fromkeys(keys):
                await back_to(pilot, screen, panel)
                if panel not in screen.focus_chain:
                    continue
                held.during = f"{name} #{panel.id} {key}"
                if not await acts(pilot, key):
                    silent.append(f"{held.during}\n{text(app)}")
                held.during = ""
    assert not silent, "\n".join(silent)
    assert not held.asked, "\n".join(held.asked)
