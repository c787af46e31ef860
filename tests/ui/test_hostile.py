"""Nothing that a home says reaches the terminal from a screen as anything but text."""

from __future__ import annotations

from pathlib import Path

from tests.builders.hostile_home import OBEYED, hostile_home
from tests.builders.screen import settled, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp

# A screen by its key, and what is opened there.
SHOWN = {
    "1": ("down", "down", "down", "question_mark", "escape"),
    "2": ("down", "down", "end", "i", "escape"),
    "3": ("down", "end", "enter", "escape"),
    "4": (),
    "5": ("v", "v", "i", "escape"),
    "6": ("ctrl+j",),
}
SCOPES = ("experiments", "runs", "samples", "grade", "results", "sql")


async def test_no_screen_draws_what_a_terminal_obeys(tmp_path: Path) -> None:
    mini = hostile_home(Home(tmp_path / "home"))
    mini.home.config.unlink()  # with a mistake in it nothing more would be shown
    app = WgenApp(mini.home, experiment="mini")
    seen = set()
    async with app.run_test(size=(120, 40)) as pilot:
        for number, scope in enumerate(SCOPES, start=1):
            await pilot.press(str(number))
            await settled(pilot, lambda scope=scope: getattr(app.screen, "SCOPE", "") == scope)
            await app.workers.wait_for_complete()
            for key in ("", *SHOWN[str(number)]):
                if key:
                    await pilot.press(key)
                await pilot.pause(0.1)
                drawn = text(app)
                at = OBEYED.search(drawn)
                assert not at, (scope, key, drawn[max(0, at.start() - 60) : at.end() + 20])
                seen |= {scope} if "‹" in drawn or "␛" in drawn else set()
            if scope == "sql":
                await pilot.press("escape")
    assert {"experiments", "runs", "samples"} <= seen, "the hostile text was on them"
