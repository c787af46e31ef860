"""How many keys the main tasks take; docs/ui.md says the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.builders.screen import settled, table, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp

DOCS = Path(__file__).parents[2] / "docs" / "ui.md"


class Counted:
    """Keys that are pressed, but for typing."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self._pilot = pilot
        self.keys = 0

    async def press(self, *keys: str) -> None:
        self.keys += len(keys)
        await self._pilot.press(*keys)

    async def type(self, words: str) -> None:
        await self._pilot.press(*words)


def promised(task: str) -> int:
    """What docs/ui.md says of a task."""
    line = next(line for line in DOCS.read_text().splitlines() if line.startswith(f"| {task}"))
    return int(re.split(r"\s*\|\s*", line)[2])


async def test_from_a_rate_to_its_samples(home: Home) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.screen.results is not None and len(table(app)) == 6)
        counted = Counted(pilot)
        await counted.press("enter")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 12)
        assert counted.keys == promised("from a rate to its samples") == 1


async def test_two_words_in_one_arm(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        by_words, by_arrows = Counted(pilot), Counted(pilot)
        await by_words.press("3")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 30)
        await by_words.press("slash")
        await by_words.type("arm=old sir coach")
        await by_words.press("enter")
        await settled(pilot, lambda: len(table(app)) == 12 and not app.screen.loading_any)
        assert by_words.keys == promised("two words in one arm") <= 6
        await pilot.press("backspace")
        await settled(pilot, lambda: len(table(app)) == 30)
        await by_arrows.press("f")
        await settled(pilot, lambda: "[ ] new" in text(app))
        await by_arrows.press("j", "space")
        await settled(pilot, lambda: "[x] new" in text(app))
        await by_arrows.press("enter")
        await settled(pilot, lambda: len(table(app)) == 12)
        assert by_arrows.keys == promised("one arm, from what there is") <= 6


async def test_the_same_question_in_all_arms(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        counted = Counted(pilot)
        await counted.press("3")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and table(app).current)
        await counted.press("equals_sign")
        await settled(pilot, lambda: app.screen.SCOPE == "compare" and "100.0%" in text(app))
        assert counted.keys == promised("one question in all arms") <= 3
        await counted.press("d", "v")
        await settled(pilot, lambda: "draw by draw · only flips" in text(app))
        assert counted.keys == promised("the draws that flip, side by side")


async def test_unblinding_and_agreement(home: Home) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.screen._item is not None)
        await pilot.press("o")
        await settled(pilot, lambda: "1 of 33 graded" in text(app) and not app.screen._busy)
        counted = Counted(pilot)
        await counted.press("e", "y")
        await settled(pilot, lambda: "kappa" in text(app))
        assert counted.keys == promised("unblind and see the agreement") <= 4


async def test_a_tag_a_note_a_view(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        for task, key, words, shown in (
            ("tag a sample", "t", "odd", "#odd"),
            ("note beside a sample", "n", "look", "¶"),
        ):
            counted = Counted(pilot)
            await counted.press(key)
            await settled(pilot, lambda: app.screen.is_modal)
            await counted.type(words)
            await counted.press("enter")
            await settled(pilot, lambda s=shown: s in text(app) and not app.screen.loading_any)
            assert counted.keys == promised(task)
        counted = Counted(pilot)
        await counted.press("V")
        await settled(pilot, lambda: app.screen.is_modal)
        await counted.press("s")
        await settled(pilot, lambda: "Save this view as" in text(app))
        await counted.type("mine")
        await counted.press("enter")
        await settled(pilot, lambda: "mine is saved" in text(app))
        assert counted.keys == promised("save a view")
        counted = Counted(pilot)
        await counted.press("V")
        await settled(pilot, lambda: app.screen.is_modal and "mine" in text(app))
        await counted.press("enter")
        await settled(pilot, lambda: "mine is listed" in text(app))
        assert counted.keys == promised("list a view")
