"""Keys of one's own: `[keys]` of config.toml, and what of it cannot be taken."""

from __future__ import annotations

import pytest

from tests.builders.screen import notices, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.ui import actions
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.keymap_table import read_keymap
from wgen_tui.ui.modals.dialogs import AskModal, HelpModal


def test_names_are_one_each_and_stay_apart_from_textuals() -> None:
    names = [action.name for action in actions.ACTIONS]
    assert len(names) == len(set(names))
    assert {"samples.filter", "samples.question_before", "global.go_runs"} <= set(names)


def test_dotted_names_and_tables_are_the_same_and_two_keys_may_be_given() -> None:
    dotted, refused = read_keymap({"samples.filter": "ctrl+f", "screens": {"zoom": ["Z", "f8"]}})
    assert not refused
    assert dotted.keys == {"samples.filter": "ctrl+f", "screens.zoom": "Z,f8"}
    assert read_keymap({"samples": {"filter": "?"}})[1], "help has it"
    assert read_keymap({"samples": {"filter": ","}})[0].keys == {"samples.filter": "comma"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"samples": {"fliter": "f"}}, "Did you mean samples.filter?"),
        ({"samples": {"filter": "ctrl+"}}, "There is no key 'ctrl+'."),
        ({"samples": {"filter": 3}}, "is not a key."),
        ({"samples": {"filter": []}}, "is not a key."),
        ({"samples": {"filter": "z"}}, "z is taken by screens.zoom (zoom); / stays."),
        ({"samples": {"filter": "j"}}, "j is taken by table.down (down); / stays."),
        ({"global": {"quit": "x"}}, "x is taken by runs.remove (remove); q stays."),
        ([], "is not a table"),
    ],
)
def test_what_cannot_be_taken_is_named(table: object, said: str) -> None:
    keymap, refused = read_keymap(table)
    assert not keymap.keys
    assert len(refused) == 1 and said in refused[0]


def test_two_may_be_exchanged_but_not_meet() -> None:
    swapped, refused = read_keymap({"runs": {"pause": "r", "retry": "p"}})
    assert not refused and swapped.keys == {"runs.pause": "r", "runs.retry": "p"}
    met, refused = read_keymap({"runs": {"pause": "ctrl+k", "retry": "ctrl+k"}})
    assert met.keys == {"runs.pause": "ctrl+k"}
    assert refused == ["keys.runs.retry: ctrl+k is taken by runs.pause (pause); r stays."]


def test_the_same_key_may_be_given_on_two_screens() -> None:
    keymap, refused = read_keymap({"runs": {"filter": "ctrl+f"}, "samples": {"filter": "ctrl+f"}})
    assert not refused and len(keymap.keys) == 2


async def test_the_key_works_and_is_named_everywhere(home: Home) -> None:
    home.config.write_text('[keys]\nruns.filter = "ctrl+f"\ntable.down = "down"\nruns.copy = "c"\n')
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(160, 40)) as pilot:
        await settled(pilot, lambda: notices(app))  # they go by themselves
        said = [notice.message for notice in notices(app)]
        await settled(pilot, lambda: len(table(app)) == 6 and "ctrl+f filter" in text(app))
        assert said == ["keys.runs.copy: c is taken by runs.cancel (cancel); y stays."]
        place = table(app).cursor
        await pilot.press("slash")
        await settled(pilot, lambda: "/ does nothing here" in text(app))
        await pilot.press("j")
        await settled(pilot, lambda: "j does nothing here" in text(app))
        assert table(app).cursor == place
        await pilot.press("down", "ctrl+f")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        await pilot.press("escape", "question_mark")
        await settled(pilot, lambda: isinstance(app.screen, HelpModal))
        assert "ctrl+f" in text(app)
        await pilot.press("escape")
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert "Filter  (ctrl+f)" in titles


async def test_a_config_that_cannot_be_read_is_said_and_all_keys_stay(home: Home) -> None:
    home.config.write_text("[keys\n")
    app = WgenApp(home, screen="runs")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: any("config.toml" in n.message for n in notices(app)))
        await pilot.press("slash")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
