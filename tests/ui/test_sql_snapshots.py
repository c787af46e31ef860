"""What the SQL screen looks like at work: rows, a mistake, one row, the views, what is offered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.builders.screen import Machine, Snapshot, settled
from wgen_tui.paths import Home
from wgen_tui.services.data import sql
from wgen_tui.ui.app import WgenApp

SIZES = [(80, 24), (120, 40)]
WIDE = "select * from samples order by arm, seed, question, draw"
STATES = {
    "rows": (WIDE, "escape greater_than_sign greater_than_sign space j space"),
    "mistake": ("select arm, cuont(*) as n\nfrom samples -- all of them\nwhere draw < 2", ""),
    "row": (WIDE, "escape enter j j j"),
    "views": ("from samples", "escape d enter j j"),
    "offers": ("from samples", "f7 f r o m space s a m"),
    "saved": ("from samples", "escape s"),
}


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("state", STATES)
def test_sql(
    home: Home,
    snap_compare: Snapshot,
    state: str,
    size: tuple[int, int],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    query = sql.query

    def timed(*args: Any, **more: Any) -> sql.QueryResult:
        return replace(query(*args, **more), seconds=0.05)

    monkeypatch.setattr(sql, "query", timed)
    app = WgenApp(home, screen="sql", experiment="mini", machine=machine)
    text, keys = STATES[state]

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: len(app.screen.query_one("#schema")) > 5)
        editor = app.screen.query_one("#editor")
        editor.cursor_blink = False
        await pilot.press("e")
        editor.load_text(text)
        await pilot.press("f5")
        await settled(pilot, lambda: app.screen._under_way is None)
        await pilot.press(*keys.split())
        await pilot.pause()
        for words in app.screen.query(Input):
            words.cursor_blink = False
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
