"""The start dialog: a plan before anything is asked, boxes of arms, scales, back end."""

from __future__ import annotations

import re

import pytest

from tests.builders.mini_home import DEFINITION, MiniHome
from tests.builders.screen import settled, table, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.start import StartModal


async def test_start_plans_first_and_names_a_wrong_arm(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: (row := table(app).current) and row.slug == "mini")
        await settled(pilot, lambda: not table(app).current.unread)
        await pilot.press("s")
        await settled(pilot, lambda: isinstance(app.screen, StartModal))
        await settled(pilot, lambda: "samples" in text(app) and "to do" in text(app))
        shown = text(app)
        assert "time       not known: nothing like it has run here" in shown
        assert re.search(r"memory     at most [\d,]+ MB of", shown)
        assert re.search(r"disk       at most [\d,]+ MB", shown)
        await pilot.press(*"no-such-model", "enter")
        await settled(pilot, lambda: "✗" in text(app))
        assert "no-such-model" in text(app)
        await pilot.press("ctrl+s")
        assert isinstance(app.screen, StartModal), "nothing starts without a plan"
        assert "What is wrong stands above." in text(app), "in the dialog, not over it"
        await pilot.press("escape")
        await settled(pilot, lambda: not isinstance(app.screen, StartModal))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_start_has_a_box_for_each_arm(home: Home, size: tuple[int, int]) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=size) as pilot:
        await settled(pilot, lambda: (row := table(app).current) and row.slug == "mini")
        await settled(pilot, lambda: not table(app).current.unread)
        await pilot.press("s")
        await settled(pilot, lambda: "disk       at most" in text(app))
        assert "[x] old" in text(app)
        assert "[x] new" in text(app)
        assert "local or slurm" in text(app)
        planned = {run.spec.arm for run in app.screen._plan.runs}
        assert planned == {"base", "old", "new"}
        await pilot.press("tab", "down", "space")
        await settled(pilot, lambda: app.screen._plan and len(app.screen._plan.runs) < 4)
        left = "old" if "[x] old" in text(app) else "new"
        assert {run.spec.arm for run in app.screen._plan.runs} == {"base", left}
        await pilot.press("a", "a")
        await settled(pilot, lambda: "No arm is chosen" in text(app))
        await pilot.press("a", "tab", "tab", "tab", *"slrum", "enter")
        await settled(pilot, lambda: "There is no back end 'slrum'" in text(app))
        assert "Did you mean slurm?" in text(app)


async def test_start_asks_for_a_scale_where_there_are_some(mini: MiniHome) -> None:
    mini.definition("sized", f"{DEFINITION}scales: {{few: {{seeds: 0, arms: [old]}}}}\n")
    app = WgenApp(mini.home, experiment="sized")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: (row := table(app).current) and row.slug == "sized")
        await settled(pilot, lambda: not table(app).current.unread)
        await pilot.press("s")
        await settled(pilot, lambda: "or few" in text(app) and "to do" in text(app))
        whole = len(app.screen._plan.runs)
        await pilot.press(*"few", "enter")
        await settled(pilot, lambda: app.screen._plan and len(app.screen._plan.runs) == 2 < whole)
        await settled(pilot, lambda: "[ ] new" in text(app))
        assert "[x] old" in text(app), "the boxes say what the scale takes"
        await pilot.press("backspace", "enter")
        await settled(pilot, lambda: "There is no scale 'fe'" in text(app))
        await pilot.press("backspace", "backspace")
        await settled(pilot, lambda: app.screen._plan and "[x] new" in text(app))
        await pilot.press(*"few")
        await settled(pilot, lambda: app.screen._plan and "[ ] new" in text(app))
        await pilot.press("tab", "tab", "down", "space")
        await settled(pilot, lambda: app.screen._plan and "[x] new" in text(app))
        assert {run.spec.arm for run in app.screen._plan.runs} == {"base", "old", "new"}
