"""Tags and notes as services give them: written once, merged, refused in words."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from tests.builders.mini_home import MiniHome
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.data import notes, samples
from wgen_tui.services.merge.merge import merge


@pytest.fixture
def mini(tmp_path: Path) -> MiniHome:
    """One run of six samples."""
    made = MiniHome(Home(tmp_path / "home"))
    made.draw(made.run("old", 0), lambda question, draw: f"By coach {draw}")
    return made


@pytest.fixture
def ids(mini: MiniHome) -> list[int]:
    return next(iter(mini.samples.values()))


def lines(home: Home) -> list[dict[str, object]]:
    files = sorted(home.journal.glob("notes-*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def test_tags_are_given_and_taken_back_and_written_once(mini: MiniHome, ids: list[int]) -> None:
    home = mini.home
    assert notes.tag(home, ids[:2], ["odd", "bookmark"]) == 2
    assert notes.tag(home, ids[:3], ["odd"]) == 1, "two have it already"
    assert notes.tag(home, ids[:1], ["new"], ["odd", "never"]) == 1
    assert [samples.detail(home, key).row.tags for key in ids[:3]] == [
        ["bookmark", "new"],
        ["bookmark", "odd"],
        ["odd"],
    ]
    assert len(lines(home)) == 7
    assert {line["author"] for line in lines(home)} == {getpass.getuser()}
    assert notes.written(home) == 7


def test_a_note_is_replaced_and_taken_back(mini: MiniHome, ids: list[int]) -> None:
    home, me = mini.home, getpass.getuser()
    notes.note(home, ids[0], "first")
    notes.note(home, ids[0], "second")
    assert samples.detail(home, ids[0]).row.notes == {me: "second"}
    notes.note(home, ids[0], "")
    assert samples.detail(home, ids[0]).row.notes == {}
    assert [line["text"] for line in lines(home)] == ["first", "second", ""]


def test_they_come_over_with_another_home(mini: MiniHome, ids: list[int], tmp_path: Path) -> None:
    notes.tag(mini.home, ids[:1], ["odd"])
    notes.note(mini.home, ids[0], "look")
    here = Home(tmp_path / "here").ensure()
    assert merge(here, mini.home.root).grades == 2
    row = samples.detail(here, ids[0]).row
    assert (row.tags, list(row.notes.values())) == (["odd"], ["look"])
    assert merge(here, mini.home.root).nothing_new


def test_nothing_is_changed_where_the_journal_cannot_be_written(
    mini: MiniHome, ids: list[int]
) -> None:
    mini.home.journal.rmdir()
    mini.home.journal.write_text("a file")
    with pytest.raises(UsageError, match="The tag cannot be written to"):
        notes.tag(mini.home, ids[:1], ["odd"])
    mini.home.journal.unlink()
    assert samples.detail(mini.home, ids[0]).row.tags == []
