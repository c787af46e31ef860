"""Every key that means something is in help and palette, by the name that it has there."""

from __future__ import annotations

import pytest
from textual.binding import Binding

from tests.builders.screen import settled, text
from wgen_tui.paths import Home
from wgen_tui.ui import actions
from wgen_tui.ui.app import SCREENS, WgenApp
from wgen_tui.ui.modals.dialogs import help_text

# The palette opens with one, and closes with the other.
OF_THE_PALETTE = {"global.command_palette", "global.back"}
BY_ID = {action.binding_id: action for action in actions.ACTIONS}


def _id(binding: Binding) -> str:
    """Of which action it is; Textual has tab of its own."""
    return binding.id or binding.action.replace("app.", "global.")


@pytest.mark.parametrize("name", [*SCREENS, "compare", "graded"])
async def test_every_binding_is_in_help_and_palette(home: Home, name: str) -> None:
    first = name if name in SCREENS else "samples"
    app = WgenApp(home, screen=first, experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: not app.screen.loading_any and "all keys" in text(app))
        if name not in SCREENS:
            app.switch_screen(app.get_named_screen(name))
            await settled(pilot, lambda: name == app.screen.SCOPE)
        screen = app.screen
        for panel in screen.focus_chain:
            screen.set_focus(panel)
            active = screen.active_bindings
            bound = {_id(found.binding) for found in active.values()} & set(BY_ID)
            assert len(bound) > 10
            helped = {a.binding_id: a for _, group in app._help_groups() for a in group}
            assert bound <= set(helped), "help names it"
            hidden = [a for i, a in helped.items() if i in BY_ID and i not in bound]
            if panel.id != "editor":  # which writes what it is given
                assert all(set(a.key.split(",")) <= set(active) for a in hidden), "the panel's own"
            offered = {command.help for command in app.get_system_commands(screen)}
            missing = {i for i in bound - OF_THE_PALETTE if BY_ID[i].help not in offered}
            assert not missing


def test_a_sentence_of_the_help_goes_on_below_its_beginning() -> None:
    action = actions.Action("a", "a", "a", "runs", "One two three four five.", writes=True)
    assert help_text([("Runs", [action])], True, 26).plain == (
        "Runs\n  a  One two three four\n     five. (off: read-\n     only)\n\n"
    )


async def test_an_action_of_the_panel_is_done_from_the_palette(home: Home) -> None:
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: not app.screen.loading_any)
        runs = app.screen
        await pilot.press("ctrl+p", *"mark")
        await settled(pilot, lambda: "Mark the row" in text(app))
        await settled(pilot, lambda: app.screen.query("OptionList").first().option_count)
        await pilot.press("enter")
        await settled(pilot, lambda: runs.query_one("#list").marked)
