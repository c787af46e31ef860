"""Screen 3 while it searches."""

from __future__ import annotations

import json
import os
import re
import threading
from typing import Any

import pytest

from tests.builders.screen import messages, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.ui import services
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.dialogs import AskModal
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
    os.utime(home.database, (1e9, 1e9))  # what changed a moment ago may change again
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) > 1 and not app.screen._busy)
        for _ in range(3):
            app.screen._poll()
            await settled(pilot, lambda: not app.screen._busy)
        assert len(counts) == 1


async def test_a_refused_filter_stays_in_its_dialog(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30 and app.screen._facets is not None)
        await pilot.press("slash", *"arm=old grade=modern", "enter")
        await settled(pilot, lambda: "Did you mean label=era:modern?" in text(app))
        assert isinstance(app.screen, AskModal)
        assert app.screen.query_one("Input").value == "arm=old grade=modern"
        for _ in "grade=modern":
            await pilot.press("backspace")
        assert "Did you mean" not in text(app), "what was said is of what was typed then"
        await pilot.press(*"label=era:modern", "enter")
        await settled(pilot, lambda: "No sample passes" in text(app))
        await pilot.press("slash")
        assert app.screen.query_one("Input").value == "arm=old label=era:modern"


async def test_a_pattern_that_cannot_be_read_comes_back_into_its_dialog(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        await pilot.press("slash", *"arm=old /gas(/", "enter")
        await settled(pilot, lambda: "missing )" in text(app))
        assert isinstance(app.screen, AskModal)
        assert app.screen.query_one("Input").value == "arm=old /gas(/"
        await pilot.press("escape")
        assert app.screen.filter_words() == "all samples", "the list is as it was"
        assert len(table(app)) == 30
        await pilot.press("slash", *"/gas(/", "enter")
        await settled(pilot, lambda: "missing )" in text(app))
        await pilot.press("backspace", "backspace", "slash")
        assert "missing )" not in text(app), "what was said is of what was typed then"
        await pilot.press("enter")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and app.screen._total == 0)


async def test_a_list_that_cannot_be_read_is_not_another_filters(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30 and app.screen._total == 30)
        app.screen.set_filter({"text": "/gas(/"})
        await settled(pilot, lambda: "Press / to change the filter" in text(app))
        assert "not read; r retries" in text(app)
        assert len(table(app)) == 0
        await pilot.press("y")
        await settled(pilot, lambda: messages(app))
        await pilot.press("backspace")
        await settled(pilot, lambda: len(table(app)) == 30)


async def test_a_value_that_nothing_has_is_named_with_the_nearest(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        await pilot.press("slash", *"arm=odl", "enter")
        await settled(pilot, lambda: "Did you mean arm=old?" in text(app))
        await pilot.press("slash", *" graded=era", "enter")
        await settled(pilot, lambda: "Did you mean graded=rule:era?" in text(app))
        assert "Did you mean arm=old?" in text(app)
        await pilot.press("backspace", "slash", *"aligned<30", "enter")
        await settled(pilot, lambda: "No sample has aligned<30. There are none." in text(app))
        await pilot.press("backspace")
        await settled(pilot, lambda: len(table(app)) == 30)


async def test_words_are_looked_for_together_a_phrase_and_a_pattern_as_they_stand(
    home: Home,
) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        for typed, listed in (
            ("sir coach", 12),
            ('"sir coach"', 0),
            ('"coach, sir"', 12),
            ("/co.ch, s/", 12),
            ("arm=old arm=base coach", 12),
        ):
            await pilot.press("backspace", "slash", *typed, "enter")
            await settled(pilot, lambda n=listed: len(table(app)) == n and not app.screen._busy)


async def test_samples_of_a_number_say_so_and_esc_goes_back_to_it(home: Home) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.screen.results is not None)
        await pilot.press("j")
        row = table(app).cursor
        app.show_samples({"experiment": "mini", "arm": ("old", "base")}, "old and base")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 18)
        assert "18  Results › old and base" in text(app)
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: len(table(app)) == 9)
        assert "old and base" not in text(app), "they are others now"
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen.SCOPE == "results")
        assert table(app).cursor == row == 1
        await pilot.press("3", "escape")
        await settled(pilot, lambda: app.screen.SCOPE == "samples")


async def test_a_filter_is_chosen_by_arrows_and_space_from_what_there_is(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        await pilot.press("f")
        await settled(pilot, lambda: "[ ] base" in text(app) and "by era" in text(app))
        await pilot.press("j", "space")  # new
        await settled(pilot, lambda: "[x] new" in text(app) and "12  arm=new" in text(app))
        await pilot.press("j", "space")  # and old; the highlight stayed where it was
        await settled(pilot, lambda: "24  arm=new arm=old" in text(app))
        counted = dict(re.findall(r"\[[x ]\] (\S+) +(\S+)", text(app)))
        assert (counted["base"], counted["new"], counted["old"]) == ("6", "12", "12")
        assert counted["modern"] == "12", "of what the arms let through"
        await pilot.press("tab", "tab", "enter")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 24)
        assert "arm=new arm=old" in text(app)
        await pilot.press("f")
        await settled(pilot, lambda: "[x] old" in text(app))
        await pilot.press("backspace")
        await settled(pilot, lambda: "30  all samples" in text(app))
        await pilot.press("escape")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 24)


async def test_marks_are_copied_and_exported_with_their_number(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30 and table(app).row(29) is not None)
        await pilot.press("space", "j", "space", "space")
        await settled(pilot, lambda: "30 · 3 marked" in text(app))
        wanted = [table(app).row(place) for place in (0, 2, 3)]
        await pilot.press("y")
        await settled(pilot, lambda: app.clipboard.count("assistant: ") == 3)
        for row, said in zip(wanted, app.clipboard.split("\n\n---\n\n"), strict=True):
            assert said.endswith(f"assistant: {row.completion}")
        await pilot.press("X")
        await settled(pilot, lambda: "Export the 3 marked samples to" in text(app))
        await pilot.press("ctrl+u", *"few.xls", "enter")
        await settled(pilot, lambda: "few.xls has no known format" in text(app))
        await pilot.press("backspace", "backspace", "backspace", *"json", "enter")
        await settled(pilot, lambda: any("3 samples in" in said for said in messages(app)))
        whole = json.loads((home.exports / "few.json").read_text())
        place = whole["columns"].index("sample_id")
        assert {int(row[place]) for row in whole["rows"]} == {row.sample_id for row in wanted}


async def test_some_at_random_and_others_the_next_time(home: Home) -> None:
    seen: list[set[int]] = []
    for _ in range(2):  # a second session knows what the first one read
        app = WgenApp(home, screen="samples")
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot, lambda a=app: len(table(a)) == 30)
            await pilot.press("slash", *"label=broken:ok", "enter")
            await settled(pilot, lambda a=app: len(table(a)) == 30 and "broken:ok" in text(a))
            await pilot.press("R")
            await settled(pilot, lambda a=app: any("at random" in said for said in messages(a)))
            wanted = 10 if seen else 20
            await settled(
                pilot,
                lambda a=app, n=wanted: len(table(a)) == n and table(a).row(n - 1) is not None,
            )
            seen.append({table(app).row(place).sample_id for place in range(wanted)})
            assert f"{wanted} chosen samples" in text(app)
            if len(seen) == 2:
                assert any("20 were read before" in said for said in messages(app))
                await pilot.press("R")
                await settled(pilot, lambda a=app: len(table(a)) == 20)
                assert any("from the beginning" in said for said in messages(app))
    assert len(seen[0] | seen[1]) == 30
