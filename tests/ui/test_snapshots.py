"""What each screen looks like, at the two sizes people use most."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.builders.mini_home import DEFINITION, MiniHome
from tests.builders.screen import Machine, Snapshot, runs_drawn, settled
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.widgets.table import VirtualTable

SIZES = [(80, 24), (120, 40)]


def ready(app: WgenApp, name: str) -> bool:
    """Whether everything that this screen reads has come."""
    screen = app.screen
    if getattr(screen, "SCOPE", "") != name:
        return False
    if name == "experiments":
        return "mini" in screen._headlines and screen._starts is not None
    if name == "runs":
        return screen._shown != "" and runs_drawn(app)
    if name == "samples":
        read = screen._detail is not None and screen._facets is not None
        return read and not screen.loading_any
    if name == "grade":
        return screen._item is not None
    if name == "results":
        return screen.results is not None
    return len(screen.query_one("#schema", VirtualTable)) > 0


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", ["experiments", "runs", "samples", "grade", "results", "sql"])
def test_screen(
    home: Home, snap_compare: Snapshot, name: str, size: tuple[int, int], machine: Machine
) -> None:
    app = WgenApp(home, screen=name, experiment="mini", machine=machine)

    async def before(pilot: Pilot[None]) -> None:
        if name == "experiments":  # so that the built-in ones may change
            await settled(pilot, lambda: len(app.screen.query_one("#list")) > 1)
            app.screen._apply_filter("mini")
        if name == "sql":
            await settled(pilot, lambda: app.screen.query("#editor"))
            app.screen.query_one("#editor").cursor_blink = False
        await settled(pilot, lambda: ready(app, name))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_preview(home: Home, snap_compare: Snapshot, size: tuple[int, int]) -> None:
    app = WgenApp(home, experiment="mini")

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: len(app.screen.query_one("#list")) > 1)
        app.screen._apply_filter("mini")  # so that the built-in ones may change
        await settled(pilot, lambda: ready(app, "experiments"))
        await pilot.press("p")
        await settled(pilot, lambda: getattr(app.screen, "_report", None) is not None)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_help(home: Home, snap_compare: Snapshot, size: tuple[int, int], machine: Machine) -> None:
    app = WgenApp(home, screen="runs", machine=machine)

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: ready(app, "runs"))
        await pilot.press("question_mark")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_first_start(mini: MiniHome, snap_compare: Snapshot, size: tuple[int, int]) -> None:
    app = WgenApp(mini.home)

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: getattr(app.screen, "_starts", None) is not None)
        app.screen._apply_filter("in miniature")  # so that those of the field may change
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
def test_mistakes(home: Home, snap_compare: Snapshot, size: tuple[int, int]) -> None:
    text = DEFINITION.replace("role: control", "role: contrl").replace("seeds:", "seedz:")
    MiniHome(home).definition("mini-spoilt", text)
    app = WgenApp(home, experiment="mini-spoilt")

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: getattr(app.screen, "_shown", "") == "mini-spoilt")
        app.screen._apply_filter("mini-spoilt")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
