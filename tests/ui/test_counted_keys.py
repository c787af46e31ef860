"""The keys of the main tasks, counted: what docs/ui.md says they take, they take.

A new experiment from a template is in test_experiments_screen.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.builders.mini_home import MiniHome
from tests.builders.screen import settled, table, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp

PAGE = Path(__file__).resolve().parents[2] / "docs" / "ui.md"
ROW = re.compile(r"^\| ([^|`]+) \| [^|]+ \| (\d+) \|$", re.MULTILINE)


def counted(task: str) -> int:
    """How many keys docs/ui.md says a task takes."""
    part = PAGE.read_text().partition("## Keys of the main tasks")[2]
    return {row[1]: int(row[2]) for row in ROW.finditer(part)}[task]


class Hand:
    """Presses keys and counts them; what is typed is not counted."""

    def __init__(self, pilot: Pilot[Any]) -> None:
        self._pilot = pilot
        self.pressed = 0

    async def press(self, *keys: str) -> None:
        self.pressed += len(keys)
        await self._pilot.press(*keys)

    async def type(self, words: str) -> None:
        await self._pilot.press(*words)

    async def see(self, condition: Callable[[], object]) -> None:
        await settled(self._pilot, condition)


async def test_from_a_rate_to_its_samples(home: Home) -> None:
    app = WgenApp(home, screen="results", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        hand = Hand(pilot)
        await hand.see(lambda: app.screen.results is not None and len(table(app)) == 6)
        await hand.press("enter")
        await hand.see(lambda: app.screen.SCOPE == "samples" and len(table(app)) == 12)
        assert hand.pressed == counted("from a rate to its samples") == 1


async def test_a_question_across_the_arms(home: Home) -> None:
    app = WgenApp(home, screen="samples", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        hand = Hand(pilot)
        await hand.see(lambda: table(app).current is not None)
        await hand.press("equals_sign")
        await hand.see(lambda: app.screen.SCOPE == "compare" and app.screen._board)
        assert [side.value for side in app.screen._board.sides] == ["old", "new", "base"]
        assert hand.pressed == counted("a question across the arms") <= 3


async def test_grading_twenty_then_unblinding(home: Home) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        hand = Hand(pilot)
        await hand.see(lambda: app.screen._item is not None)
        for number in range(1, 21):
            await hand.press("o")
            await hand.see(lambda n=number: f" {n} of 30" in text(app) and not app.screen._busy)
        assert hand.pressed == counted("grade 20 answers") == 20
        hand = Hand(pilot)
        await hand.press("e")
        await hand.see(lambda: app.screen.is_modal)
        await hand.press("y")
        await hand.see(lambda: app.screen.SCOPE == "graded" and "agree" in text(app))
        assert hand.pressed == counted("unblind, and see the agreement") <= 4


async def test_two_words_in_the_answers_of_one_arm(mini: MiniHome) -> None:
    mini.definition()
    for arm in ("old", "new"):
        said = ("a horse and a carriage", "a carriage drawn by a horse", "a horse alone")
        mini.draw(mini.run(arm, 0), lambda question, draw: said[draw])  # noqa: B023
    app = WgenApp(mini.home, screen="samples", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        hand = Hand(pilot)
        await hand.see(lambda: len(table(app)) == 12 and table(app).current is not None)
        await hand.press("slash")
        await hand.see(lambda: app.screen.is_modal)
        await hand.type("horse carriage arm=old")
        await hand.press("enter")
        await hand.see(lambda: len(table(app)) == 4)
        assert hand.pressed == counted("two words in the answers of one arm") <= 6
