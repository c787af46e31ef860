"""Nothing that a home says reaches the terminal from a screen as anything but text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.text import Text
from textual.events import Paste
from textual.pilot import Pilot
from textual.screen import ModalScreen

from tests.builders.hostile_home import HOSTILE, OBEYED, hostile_home
from tests.builders.screen import settled, text
from wgen_tui.paths import Home
from wgen_tui.services.data.sql import QueryResult
from wgen_tui.services.experiments.authoring.templates import Template
from wgen_tui.ui import modals
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.start import StartModal
from wgen_tui.ui.state.sql.console import measured
from wgen_tui.ui.state.sql.query_list import ListedQuery

PASTE = "paste"
# A screen by its key, and what is opened there.
DIALOGS = ("question_mark", "escape", "ctrl+p", "escape")
SHOWN = {
    "1": ("down", "down", "down", *DIALOGS, "slash", PASTE, "enter", "slash", "ctrl+u", "enter"),
    "2": ("down", "down", "end", "i", "escape", "x", "n", "c", "n", "slash", PASTE, "escape"),
    "3": ("down", "end", "enter", "escape", "slash", PASTE, "enter", "backspace", *DIALOGS),
    "4": ("ctrl+o", "escape", *DIALOGS),
    "5": ("v", "v", "i", "escape", "o", "escape", *DIALOGS),
    "6": ("ctrl+j", "ctrl+r", "escape", "ctrl+e", PASTE, "escape"),
}
SCOPES = ("experiments", "runs", "samples", "grade", "results", "sql")


async def _give(pilot: Pilot[Any], key: str) -> None:
    """Press a key, or paste hostile text."""
    if key == PASTE:
        focused = pilot.app.focused
        assert focused is not None
        focused.post_message(Paste(HOSTILE))
    elif key:
        await pilot.press(key)
    await pilot.pause(0.1)


def _checked(app: WgenApp, scope: str, key: str) -> str:
    """What is drawn, which has nothing that a terminal obeys."""
    drawn = text(app)
    at = OBEYED.search(drawn)
    assert not at, (scope, key, drawn[max(0, at.start() - 60) : at.end() + 20])
    return drawn


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
                await _give(pilot, key)
                drawn = _checked(app, scope, key)
                seen |= {scope} if "‹" in drawn or "␛" in drawn else set()
            if scope == "sql":
                await pilot.press("escape")
    assert {"experiments", "runs", "samples"} <= seen, "the hostile text was on them"


@pytest.mark.parametrize("slug", ["mini", "other-models"])
async def test_no_dialog_of_an_experiment_draws_what_a_terminal_obeys(
    slug: str, tmp_path: Path
) -> None:
    mini = hostile_home(Home(tmp_path / "home"))
    mini.home.config.unlink()
    app = WgenApp(mini.home, experiment=slug)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("1")
        await settled(pilot, lambda: slug in text(app))
        await pilot.press("slash", *slug, "enter")
        await settled(pilot, lambda: slug in text(app))
        await pilot.press("s")
        await settled(pilot, lambda: isinstance(app.screen, StartModal))
        await settled(pilot, lambda: "planning" not in text(app))
        drawn = _checked(app, "start", slug)
        assert "‹" in drawn
        await _give(pilot, PASTE)
        await settled(pilot, lambda: "planning" not in text(app))
        _checked(app, "start", PASTE)
        await pilot.press("escape")
        await pilot.press("p")
        await settled(pilot, lambda: app.screen.view == "tokens" and app.screen._report is not None)
        _checked(app, "preview", slug)
        for key in ("right_square_bracket", "m", PASTE, "enter"):
            await _give(pilot, key)
            _checked(app, "preview", key)


def _dialogs() -> dict[str, ModalScreen[Any]]:
    """Every dialog that takes words, with hostile ones in each of them."""
    words = Text(HOSTILE)
    row = QueryResult([HOSTILE, "b"], ["VARCHAR"] * 2, [(HOSTILE, [HOSTILE])], False, 0.1)
    query = ListedQuery(HOSTILE, HOSTILE, f"select '{HOSTILE}'")
    made: list[ModalScreen[Any]] = [
        modals.ConfirmModal(HOSTILE, HOSTILE),
        modals.AskModal(HOSTILE, HOSTILE, words),
        modals.ChooseModal(HOSTILE, [HOSTILE, "b"]),
        modals.QueryModal(HOSTILE, [query]),
        modals.RowModal(measured(row), 0, lambda index: None),
        modals.NewModal([Template(HOSTILE, HOSTILE)], lambda name: None),
        modals.FacetModal({}),
        modals.FacetModal({"arm": (HOSTILE,), "text": HOSTILE}),
    ]
    return {f"{type(dialog).__name__} {place}": dialog for place, dialog in enumerate(made)}


async def test_no_dialog_draws_what_a_terminal_obeys(tmp_path: Path) -> None:
    mini = hostile_home(Home(tmp_path / "home"))
    mini.home.config.unlink()
    app = WgenApp(mini.home, experiment="mini")
    shown: set[str] = set()
    async with app.run_test(size=(100, 30)) as pilot:
        for name, dialog in _dialogs().items():
            app.push_screen(dialog)
            await settled(pilot, lambda dialog=dialog: app.screen is dialog)
            await settled(pilot, lambda: "reading…" not in text(app))
            for key in ("", "j", "right", "down"):
                await _give(pilot, key)
                drawn = _checked(app, name, key)
                shown |= {name} if "‹" in drawn or "␛" in drawn else set()
            app.pop_screen()
    assert shown == set(_dialogs()) - {"FacetModal 6"}
