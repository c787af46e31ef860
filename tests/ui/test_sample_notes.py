"""Bookmarks, tags and notes from the Samples screen."""

from __future__ import annotations

import getpass

import pytest
from textual.pilot import Pilot

from tests.builders.screen import Snapshot, messages, settled, table, text
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data import notes
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.dialogs import AskModal
from wgen_tui.ui.state.answers.notes import checked_tags


async def test_a_bookmark_and_back(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        await pilot.press("b")
        await settled(pilot, lambda: table(app).current.tags == ["bookmark"])
        assert messages(app) == ["1 sample bookmarked: tag=bookmark lists them."]
        await settled(pilot, lambda: text(app).count("◈") == 2)  # in the list, and beside it
        await pilot.press("j", "b", "b", "b")  # a key does not wait for the one before
        await settled(pilot, lambda: table(app).current.tags == ["bookmark"])
        await settled(pilot, lambda: not app.screen._changes and not app.screen.busy("notes"))
        await pilot.press("slash", *"tag=bookmark", "enter")
        await settled(pilot, lambda: len(table(app)) == 2 and table(app).current is not None)
        await pilot.press("b")
        await settled(pilot, lambda: table(app).current.tags == [])
        assert "No bookmark any more." in messages(app)


async def test_the_marked_samples_are_tagged_and_what_is_deleted_is_taken_back(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        await pilot.press("space", "space", "t")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        assert "Tags of the 2 marked samples" in text(app)
        await pilot.press(*"odd it's", "enter")
        assert "cannot be a tag" in text(app)
        for _ in "it's":
            await pilot.press("backspace")
        await pilot.press("enter")
        await settled(pilot, lambda: text(app).count("#odd") >= 2)
        assert table(app).row(0).tags == table(app).row(1).tags == ["odd"]
        await pilot.press("g", "space", "space", "g", "t")  # none is marked: the first alone
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        assert "in use: odd 2" in text(app)
        assert app.screen.query_one("Input").value == "odd"
        for _ in "odd":
            await pilot.press("backspace")
        await pilot.press("enter")
        await settled(pilot, lambda: table(app).row(0).tags == [])
        assert table(app).row(1).tags == ["odd"]


async def test_a_note_is_shown_found_and_changed(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        await pilot.press("n")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        await pilot.press(*"ask Bob", "enter")
        await settled(pilot, lambda: f"¶ {getpass.getuser()}: ask Bob" in text(app))
        await pilot.press("slash", *"note='bob ask'", "enter")
        await settled(pilot, lambda: len(table(app)) == 1 and table(app).current is not None)
        await pilot.press("n")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        assert app.screen.query_one("Input").value == "ask Bob"


async def test_what_another_screen_tags_is_seen_within_seconds_and_nothing_moves(
    home: Home,
) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        await pilot.press("j", "j", "space", "k")
        key = table(app).current.sample_id
        notes.tag(home, [key], ["theirs"])
        await settled(pilot, lambda: text(app).count("#theirs") == 2)
        assert (table(app).cursor, table(app).marked) == (2, {2})


async def test_tags_are_facets(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        notes.tag(home, [table(app).row(n).sample_id for n in (0, 1, 2)], ["odd"])
        await pilot.press("f")
        await settled(pilot, lambda: "[ ] odd" in text(app))
        await pilot.press("shift+tab", "space", "enter")
        await settled(pilot, lambda: len(table(app)) == 3)
        assert "tag=odd" in text(app)


async def test_a_tag_that_nothing_has_is_named_with_the_nearest(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        notes.tag(home, [table(app).current.sample_id], ["strange"])
        await pilot.press("slash", *"tag=stange", "enter")
        await settled(pilot, lambda: "Did you mean tag=strange?" in text(app))


async def test_nothing_is_written_under_readonly_nor_claimed_where_it_fails(home: Home) -> None:
    app = WgenApp(home, screen="samples", readonly=True)
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        for key in "btn":
            await pilot.press(key)
            assert "Nothing is changed under --readonly." in messages(app)
    home.journal.rmdir()
    home.journal.write_text("a file")
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        await pilot.press("b")
        await settled(pilot, lambda: messages(app))
        assert "The tag cannot be written to" in messages(app)[0]
        assert "◈" not in text(app)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_tagged_samples(
    home: Home, snap_compare: Snapshot, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    app = WgenApp(home, screen="samples")

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: table(app).current is not None)
        ids = [table(app).row(n).sample_id for n in range(3)]
        notes.tag(home, ids[:2], ["bookmark"])
        notes.tag(home, ids[1:], ["odd", "long_ago"])
        notes.note(home, ids[0], "Ask Bob what a coach was.")
        await settled(pilot, lambda: text(app).count("◈") == 3 and "ada" in text(app))
        await settled(pilot, lambda: not app.screen.loading_any)

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("odd", ["odd"]),
        (" #odd, funny  odd ", ["odd", "funny"]),
        ("", []),
        ("é-1_b.c", ["é-1_b.c"]),
    ],
)
def test_a_line_of_tags(text: str, tags: list[str]) -> None:
    assert checked_tags(text) == tags


@pytest.mark.parametrize("text", ["a=b", "it's", "x" * 41, "#", "a\x1bb", 'say"'])
def test_what_cannot_be_a_tag_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be a tag"):
        checked_tags(text)
