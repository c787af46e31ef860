"""What a wide screen shows can be had at 80x24 too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders.screen import Machine, settled
from wgen_tui.paths import Home
from wgen_tui.ui.app import SCREENS, WgenApp
from wgen_tui.ui.modals.facets import FacetModal
from wgen_tui.ui.widgets.pane import TextPane
from wgen_tui.ui.widgets.table import VirtualTable

# Panels that have no place of their own on a narrow screen → the keys that show what is in them.
SHOWN_BY = {
    ("runs", "log"): ("v",),
    ("runs", "card"): ("i",),
    ("results", "beside"): ("v",),
    ("results", "below"): ("v", "v"),
    ("samples", "facets"): ("f",),
    ("sql", "schema"): ("d",),
}


def panels(app: WgenApp) -> dict[str, Any]:
    """The panels that have the screen's keys, by id."""
    return {widget.id or "": widget for widget in app.screen.focus_chain}


@pytest.mark.parametrize("name", SCREENS)
async def test_every_panel_of_a_wide_screen_is_reached_at_80x24(
    home: Home, name: str, machine: Machine
) -> None:
    app = WgenApp(home, screen=name, experiment="mini", machine=machine)
    async with app.run_test(size=(160, 48)) as pilot:
        await settled(pilot, lambda: not app.screen.loading_any and panels(app))
        await pilot.pause()
        wide = set(panels(app))
        await pilot.resize_terminal(80, 24)
        await settled(pilot, lambda: app.screen.has_class("-narrow"))
        await settled(pilot, lambda: not app.screen.loading_any)
        chain = panels(app)
        for expected in [*chain, *chain][: len(chain) + 1]:
            assert app.focused is not None and app.focused.id in chain
            await pilot.press("tab")
            assert expected in chain
        for missing in wide - set(chain):
            await pilot.press("escape")
            for key in SHOWN_BY[name, missing]:
                await pilot.press(key)
                await settled(pilot, lambda: not app.screen.loading_any)
            if name == "samples":
                assert isinstance(app.screen, FacetModal)
                await pilot.press("escape")
            elif name == "results":
                assert app.screen.view == {"beside": "questions", "below": "grid"}[missing]
            else:
                panel = app.screen.query_one(f"#{missing}")
                await settled(pilot, lambda p=panel: p.region.height >= 3)


@pytest.mark.parametrize("name", SCREENS)
async def test_every_line_of_a_panel_is_reached_by_keys_at_80x24(
    home: Home, name: str, machine: Machine
) -> None:
    app = WgenApp(home, screen=name, experiment="mini", machine=machine)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: not app.screen.loading_any and panels(app))
        for widget in panels(app).values():
            if isinstance(widget, VirtualTable):
                widget.focus()
                await pilot.press("G")
                end = len(widget) - 1
                await settled(pilot, lambda w=widget, end=end: end < 0 or w.cursor == end)
            elif isinstance(widget, TextPane):
                widget.focus()
                await pilot.press("G")  # perhaps before what it shows has come
                await settled(pilot, lambda: not app.screen.loading_any and not app.screen.settling)
                await settled(pilot, lambda w=widget: w.scroll_offset.y >= w.max_scroll_y)
            assert widget.size.height >= 1
