"""Equal texts in one row, in the list of samples."""

from __future__ import annotations

import json

import pytest
from textual.pilot import Pilot

from store.samples import folded
from tests.builders.screen import Snapshot, messages, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp


def listed(app: WgenApp, number: int) -> bool:
    rows = table(app)
    return len(rows) == number and rows.row(number - 1) is not None and not app.screen.loading_any


async def test_a_row_of_equal_texts_leads_to_exactly_its_samples_and_back(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: listed(app, 30))
        await pilot.press("j", "j", "o")
        await settled(
            pilot,
            lambda: messages(app) == ["Each row is one sample: u folds those that say the same."],
        )
        await pilot.press("u")
        await settled(pilot, lambda: listed(app, 18))
        assert "30 samples, 18 texts by arm and question" in text(app)
        assert "its samples" in text(app).splitlines()[-1]
        assert table(app).cursor == 0
        await settled(pilot, lambda: app.screen._detail is not None)
        await pilot.press("j")
        row, place = table(app).current, table(app).cursor
        await settled(pilot, lambda: "2 samples say this: seeds 0 (1) 1 (1)" in text(app))
        await pilot.press("enter")
        await settled(pilot, lambda: listed(app, row.samples) and "esc back" in text(app))
        said = {table(app).row(index).completion for index in range(row.samples)}
        assert (row.samples, said) == (2, {row.completion})
        assert "2 that say this" in text(app)
        await pilot.press("escape")
        await settled(pilot, lambda: listed(app, 18))
        assert table(app).cursor == place
        await pilot.press("u")
        await settled(pilot, lambda: listed(app, 30))
        assert table(app).cursor == 2


async def test_keys_mean_all_samples_of_a_folded_row(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: listed(app, 30))
        await pilot.press("u")
        await settled(pilot, lambda: listed(app, 18))
        await pilot.press("n")
        await settled(pilot, lambda: "enter lists them, n notes one" in text(app))
        await pilot.press("y")
        await settled(pilot, lambda: app.clipboard.startswith("2 samples:\nuser: "))
        await pilot.press("space", "space")
        await settled(pilot, lambda: "2 marked, 4 samples" in text(app))
        await pilot.press("y")
        await settled(pilot, lambda: app.clipboard.count("2 samples:\n") == 2)
        await settled(pilot, lambda: "4 samples, 2 texts" in text(app))
        await pilot.press("X")
        await settled(pilot, lambda: "Export the 4 samples of 2 rows to" in text(app))
        await pilot.press("ctrl+u", *"few.json", "enter")
        await settled(pilot, lambda: any("4 samples in" in said for said in messages(app)))
        whole = json.loads((home.exports / "few.json").read_text())
        said = whole["columns"].index("completion")
        assert sorted(row[said] for row in whole["rows"]) == sorted(
            [table(app).row(0).completion] * 2 + [table(app).row(1).completion] * 2
        )
        await pilot.press("b")
        await settled(pilot, lambda: any("4 samples bookmarked" in m for m in messages(app)))
        await settled(pilot, lambda: text(app).count("◈") >= 2 and not app.screen.loading_any)
        await pilot.press("slash", *"tag=bookmark seed=1", "enter")
        await settled(pilot, lambda: listed(app, 2) and "2 samples, 2 texts" in text(app))


async def test_what_is_too_much_to_fold_stays_listed_and_says_what_to_choose(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folded, "MOST", 15)
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: listed(app, 30))
        await pilot.press("j", "u")
        wanted = "30 samples are listed; texts are folded of 15 at most."
        await settled(pilot, lambda: any(wanted in said for said in messages(app)))
        assert "f chooses one question: that leaves 15 at most." in messages(app)[0]
        assert len(table(app)) == 30 and table(app).cursor == 1
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: listed(app, 15))
        await pilot.press("u")
        await settled(pilot, lambda: "15 samples, 9 texts by arm" in text(app))
        await pilot.press("backspace")  # folds no more: all are listed, one by one
        await settled(pilot, lambda: listed(app, 30) and any(wanted in m for m in messages(app)))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_folded(home: Home, snap_compare: Snapshot, size: tuple[int, int]) -> None:
    app = WgenApp(home, screen="samples", experiment="mini")

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: listed(app, 30))
        await pilot.press("slash", *"arm=old arm=new", "enter")
        await settled(pilot, lambda: listed(app, 24))
        await pilot.press("u")
        await settled(pilot, lambda: listed(app, 12) and app.screen._detail is not None)
        await pilot.press("space")
        await settled(pilot, lambda: "2 samples say this" in text(app))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
