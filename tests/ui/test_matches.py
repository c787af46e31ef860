"""What a text filter found is marked in list and detail."""

from __future__ import annotations

import pytest

from tests.builders.screen import settled, strips, table
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.state.answers.matches import patterns_of, spans


@pytest.mark.parametrize(
    ("asked", "marked"),
    [
        ("coach SIR", ["coach", "Sir", "coach"]),
        ('"coach, sir"', ["coach, Sir"]),
        ("/co.ch/", ["coach", "coach"]),
        ("/SIR/", []),
        ("/SIR/i", ["Sir"]),
        ("ach coa", ["coach", "coach"]),  # what overlaps is one mark
        (r"/\pL+/", []),  # RE2's alone
        ("/x*/", []),
        ("", []),
    ],
)
def test_words_phrases_and_patterns(asked: str, marked: list[str]) -> None:
    said = "By coach, Sir, or coach"
    assert [said[a:b] for a, b, _ in spans(said, patterns_of(asked))] == marked


async def test_they_are_marked_on_the_screen_until_the_filter_is_another(home: Home) -> None:
    app = WgenApp(home, screen="samples")

    def marked() -> list[str]:
        return [
            part.text
            for strip in strips(app)
            for part in strip
            if part.style is not None and part.style.underline and part.style.bold
        ]

    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        await pilot.press("slash", *"sir coach", "enter")
        await settled(pilot, lambda: len(table(app)) == 12 and not app.screen.loading_any)
        await settled(pilot, lambda: marked().count("coach") == marked().count("sir") == 13)
        await pilot.press("backspace")
        await settled(pilot, lambda: len(table(app)) == 30 and not marked())
