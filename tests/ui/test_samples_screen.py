"""Screen 3 while it searches."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.builders.screen import settled, table, text
from wgen_tui.paths import Home
from wgen_tui.ui import services
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.screens import samples as samples_screen


async def test_a_search_has_its_first_rows_before_all_are_counted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second pass waits at a gate, so that what is shown before it can be read."""
    gate, whole = threading.Event(), services.samples.search

    def held(*args: Any, **kwargs: Any) -> Any:
        assert gate.wait(30)
        return whole(*args, **kwargs)

    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(140, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        monkeypatch.setattr(samples_screen, "FIRST", 2)
        monkeypatch.setattr(services.samples, "search", held)
        await pilot.press("slash", *"label=era:old", "enter")
        await settled(pilot, lambda: "2+ … counting" in text(app) and len(table(app)) == 2)
        await pilot.press("j")
        await settled(pilot, lambda: table(app).cursor == 1 and table(app).current is not None)
        second = table(app).current.sample_id
        gate.set()
        await settled(pilot, lambda: len(table(app)) == 12 and table(app).row(11) is not None)
        assert "counting" not in text(app)
        assert (table(app).cursor, table(app).current.sample_id) == (1, second)


async def test_what_stat_knows_is_not_counted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[object] = []
    count = services.samples.count

    def noted(*args: Any) -> int:
        counts.append(args)
        return count(*args)

    monkeypatch.setattr(services.samples, "count", noted)
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) > 1 and not app.screen._busy)
        for _ in range(3):
            app.screen._poll()
            await settled(pilot, lambda: not app.screen._busy)
        assert len(counts) == 1
