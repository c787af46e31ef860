"""How the screens look where the small ones do not tell: large, light, empty, without colour, and
with text that is wide, hostile, or runs the other way."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.builders.mini_home import ESCAPES, MiniHome
from tests.builders.screen import Machine, Snapshot, settled, text
from tests.ui.test_snapshots import ready
from wgen_tui.paths import Home
from wgen_tui.ui.app import SCREENS, WgenApp

LARGE, WIDE, NARROW = (160, 48), (120, 40), (80, 24)
SAID = (
    "漢字かな交じり文、全角ＡＢＣ",
    "🦉 owls 👩‍🔬 and 🏳️‍🌈 in é ñ ô",
    f"שלום abc العربية {ESCAPES}",
)


async def stand_still(pilot: Pilot[Any], name: str) -> None:
    """Wait until the screen has all that it reads, and no cursor blinks."""
    app: Any = pilot.app
    if name == "experiments":  # so that the built-in ones may change
        await settled(pilot, lambda: len(app.screen.query_one("#list")) > 1)
        app.screen._apply_filter("mini")
    if name == "sql":
        await settled(pilot, lambda: app.screen.query("#editor"))
        app.screen.query_one("#editor").cursor_blink = False
    await settled(pilot, lambda: ready(app, name) and not app.screen.loading_any)
    if name == "runs":
        await settled(pilot, lambda: text(app).count("█▃▂▁") == 4)  # each row's course
    await pilot.pause()


@pytest.mark.parametrize("name", SCREENS)
def test_large(home: Home, snap_compare: Snapshot, name: str, machine: Machine) -> None:
    app = WgenApp(home, screen=name, experiment="mini", machine=machine)

    async def before(pilot: Pilot[None]) -> None:
        await stand_still(pilot, name)

    assert snap_compare(app, terminal_size=LARGE, run_before=before)


@pytest.mark.parametrize("name", ["experiments", "results"])
def test_light(home: Home, snap_compare: Snapshot, name: str, machine: Machine) -> None:
    app = WgenApp(home, screen=name, experiment="mini", machine=machine)
    app.theme = "wgen-light"

    async def before(pilot: Pilot[None]) -> None:
        await stand_still(pilot, name)

    assert snap_compare(app, terminal_size=WIDE, run_before=before)


@pytest.mark.parametrize("name", ["experiments", "samples"])
def test_without_colour(
    home: Home,
    snap_compare: Snapshot,
    name: str,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = WgenApp(home, screen=name, experiment="mini", machine=machine)

    async def before(pilot: Pilot[None]) -> None:
        await stand_still(pilot, name)

    assert snap_compare(app, terminal_size=NARROW, run_before=before)


@pytest.mark.parametrize("name", ["runs", "samples", "grade", "results"])
def test_of_an_empty_home(
    mini: MiniHome, snap_compare: Snapshot, name: str, machine: Machine
) -> None:
    app = WgenApp(mini.home, screen=name, machine=machine)

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: not app.screen.loading_any)
        if name == "runs":
            await settled(pilot, lambda: "cpu" in app.screen.query_one("#status").content)
        await pilot.pause()

    assert snap_compare(app, terminal_size=NARROW, run_before=before)


@pytest.mark.parametrize("size", [NARROW, LARGE], ids=["80x24", "160x48"])
def test_wide_and_hostile_text(
    mini: MiniHome, snap_compare: Snapshot, size: tuple[int, int], machine: Machine
) -> None:
    mini.definition()
    mini.draw(mini.run("old", 0), lambda question, draw: f"{SAID[draw]} of {question}")
    app = WgenApp(mini.home, screen="samples", experiment="mini", machine=machine)

    async def before(pilot: Pilot[None]) -> None:
        await stand_still(pilot, "samples")

    assert snap_compare(app, terminal_size=size, run_before=before)
