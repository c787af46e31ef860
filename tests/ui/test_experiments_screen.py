"""Screen 1: what begins there, mistakes beside their lines, and the way through an editor."""

from __future__ import annotations

import re
import shutil
import stat
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from experiments.folders import FILE
from tests.builders.mini_home import DEFINITION, MiniHome
from tests.builders.screen import messages, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.services.results.kept import headlines_file
from wgen_tui.services.runs.runs import list_runs
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.dialogs import AskModal
from wgen_tui.ui.modals.new_experiment import NewModal

ON_A_CARD = ("(c copies it)", "(E edits it)", "v checks again")
DISK = ("open", "os.scandir", "os.listdir")
BROKEN = DEFINITION.replace("role: control", "role: contrl")
EDITOR = """#!{python}
import pathlib, sys
*_, place, file = sys.argv
pathlib.Path({log!r}).write_text(place)
path = pathlib.Path(file)
path.write_text(path.read_text().replace({old!r}, {new!r}))
"""


@pytest.fixture
def suspends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A headless driver that lets go of its terminal, as a real one does."""
    monkeypatch.setattr(HeadlessDriver, "can_suspend", True)


def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str) -> Path:
    """Make $EDITOR one that changes a word; the file where it says at which line it was opened."""
    log, program = tmp_path / "opened", tmp_path / "vim"
    program.write_text(EDITOR.format(python=sys.executable, log=str(log), old=old, new=new))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(program))
    return log


async def ready(app: WgenApp, pilot: Pilot[Any], slug: str) -> None:
    """Wait until the card of this experiment is shown."""
    await settled(pilot, lambda: app.screen._shown == slug and app.screen.checked())
    await pilot.pause()
    await settled(pilot, lambda: any(word in text(app) for word in ON_A_CARD))


async def test_at_80x24_a_mistake_its_line_and_those_around_are_in_sight(mini: MiniHome) -> None:
    mini.definition("odd", BROKEN.replace("seeds: 0-1", f"seeds: 0-1  # {'long ' * 40}"))
    app = WgenApp(mini.home, experiment="odd")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "odd")
        assert "runs the demo" not in text(app), "who has a definition of their own has begun"
        lines = text(app).splitlines()
        here = next(place for place, line in enumerate(lines) if "▶ 8 │" in line)
        numbers = [line.split("│")[0].strip(" ▶") for line in lines[here - 2 : here + 3]]
        assert numbers == ["6", "7", "8", "9", "10"], "a long line takes no second"


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_a_first_start_offers_the_demo_and_a_key_starts_it(
    mini: MiniHome, size: tuple[int, int]
) -> None:
    app = WgenApp(mini.home)
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot, "tiny-old-bird-names")
        assert "D runs the demo: 9 fine-tunes of an embedded model" in text(app)
        assert table(app).current.slug == "tiny-old-bird-names"
        app._ensure_supervisor = lambda: None  # type: ignore[method-assign] # of what waits
        await pilot.press("D")
        await settled(pilot, lambda: app.screen.SCOPE == "runs")
        assert app.experiment == "tiny-old-bird-names"
        assert len(list_runs(mini.home)) == 10


async def test_a_home_with_runs_or_to_be_read_only_offers_no_demo(home: Home) -> None:
    for readonly in (False, True):
        app = WgenApp(Home(home.root, readonly=readonly), readonly=readonly, experiment="mini")
        async with app.run_test(size=(80, 24)) as pilot:
            await ready(app, pilot, "mini")
            assert "runs the demo" not in text(app)


async def test_from_a_template_to_edited_and_checked_in_three_keys(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suspends: None
) -> None:
    """The bar is six beside typing; an editor has keys of its own."""
    log = editor(tmp_path, monkeypatch, "temperature: 1.0", "temperature: 0.5")
    app = WgenApp(home, experiment="mini")
    keys = 0
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "mini")
        await pilot.press("n")
        keys += 1
        await settled(pilot, lambda: isinstance(app.screen, NewModal))
        await pilot.press(*"mine", "enter")
        keys += 1
        await ready(app, pilot, "mine")
        assert app.experiment == "mine" and "mine" in text(app).splitlines()[0]
        await pilot.press("E")
        keys += 1
        await settled(pilot, lambda: any("data are valid" in said for said in messages(app)))
        assert (
            "temperature 0.5" in text(app)
            or "temperature: 0.5" in (home.experiments / "mine" / FILE).read_text()
        )
    assert keys <= 6
    assert not log.read_text().startswith("+"), "nothing is wrong: no line to go to"


async def test_the_template_is_chosen_beside_the_name(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "mini")
        await pilot.press("n")
        await settled(pilot, lambda: isinstance(app.screen, NewModal))
        await pilot.press(*"mini", "enter")
        await settled(pilot, lambda: "There is an experiment 'mini' already." in text(app))
        assert "enter writes it · esc cancels" in text(app), "the refusal takes no line of the keys"
        names = [template.name for template in app.screen._templates]
        await pilot.press("2", *["down"] * names.index("tiny-robot"), "enter")
        await ready(app, pilot, "mini2")
        assert table(app).current.slug == "mini2"
    assert "A robot" in (home.experiments / "mini2" / FILE).read_text()


async def test_mistakes_stand_beside_the_lines_and_the_editor_opens_there(
    mini: MiniHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suspends: None
) -> None:
    mini.definition("odd", BROKEN)
    line = BROKEN.splitlines().index(
        "  new: {data: data.jsonl, role: contrl, description: names in use}"
    )
    log = editor(tmp_path, monkeypatch, "contrl", "control")
    app = WgenApp(mini.home, experiment="odd")
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(app, pilot, "odd")
        shown = text(app)
        assert f"✗ line {line + 1}" in shown, "in the list"
        assert f"{FILE} · line {line + 1} · arms.new.role" in shown
        assert f"▶{line + 1:>2} │   new: {{data: data.jsonl, role: contrl" in shown
        assert f" {line:>2} │   old: {{data: data.jsonl" in shown
        await pilot.press("s")
        assert not app.screen.is_modal and "E mends them" in messages(app)[0]
        await pilot.press("E")
        await settled(pilot, lambda: any("data are valid" in said for said in messages(app)))
        assert log.read_text() == f"+{line + 1}"
        await settled(pilot, lambda: "▲ new" in text(app) and "mistake" not in text(app))


async def test_an_editor_that_is_not_there_is_said_and_nothing_is_lost(
    mini: MiniHome, monkeypatch: pytest.MonkeyPatch, suspends: None
) -> None:
    mini.definition("odd", BROKEN)
    monkeypatch.setenv("VISUAL", "no-such-editor")
    app = WgenApp(mini.home, experiment="odd")
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(app, pilot, "odd")
        await pilot.press("E")
        await settled(pilot, lambda: any("no-such-editor not found" in m for m in messages(app)))
        monkeypatch.setenv("VISUAL", "vim 'x")
        await pilot.press("E")
        await settled(pilot, lambda: any("No closing quotation" in m for m in messages(app)))
        monkeypatch.setenv("VISUAL", "false")
        await pilot.press("E")
        await settled(pilot, lambda: any("false ended with 1" in m for m in messages(app)))


async def test_what_ships_is_copied_before_it_is_changed(home: Home) -> None:
    app = WgenApp(home, experiment="tiny-robot")
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(app, pilot, "tiny-robot")
        await pilot.press("E")
        assert "c copies it" in messages(app)[0]
        await pilot.press("c")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        await pilot.press("enter")
        await ready(app, pilot, "my-tiny-robot")
        assert app.experiment == "my-tiny-robot"


async def test_the_card_is_of_the_row_also_when_its_file_was_spoilt_a_moment_ago(
    mini: MiniHome,
) -> None:
    mini.definition("a")
    mini.definition("b")
    app = WgenApp(mini.home, experiment="a")
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(app, pilot, "a")
        (mini.home.experiments / "b" / FILE).write_text(BROKEN)
        await pilot.press("j")
        await settled(pilot, lambda: "1 mistake" in text(app) and "contrl" in text(app))


async def test_a_card_goes_with_its_row(mini: MiniHome) -> None:
    mini.definition("mine")
    app = WgenApp(mini.home, experiment="mine")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "mine")
        await pilot.press("slash")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        await pilot.press(*"mine", "enter")
        await settled(pilot, lambda: len(table(app)) == 1)
        assert "Old names make old answers." in text(app)
        shutil.rmtree(mini.home.experiments / "mine")
        app.screen.reload()
        await settled(pilot, lambda: "No experiment matches." in text(app))
        assert "Old names make old answers." not in text(app)
        await pilot.press("escape")
        await ready(app, pilot, "tiny-old-bird-names")


async def test_a_folder_that_can_be_no_slug_says_what_goes_on(mini: MiniHome) -> None:
    mini.definition("zwei wörter")
    app = WgenApp(mini.home)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "cannot be a slug" in text(app))
        assert "✗ 1 mistake; e has the folder's path, v checks again" in text(app)
        assert str(mini.home.experiments)[:40] in text(app), "where it is"
        await pilot.press("s")
        assert "e has the folder's path" in messages(app)[0]


async def test_a_check_shows_mistakes_in_the_data_beside_their_lines(mini: MiniHome) -> None:
    mini.definition("a")
    with (mini.home.experiments / "a" / "data.jsonl").open("a") as stream:
        stream.write('{"messages": [}\n')
    app = WgenApp(mini.home, experiment="a")
    async with app.run_test(size=(100, 40)) as pilot:
        await ready(app, pilot, "a")
        assert "mistake" not in text(app)
        await pilot.press("v")
        await settled(pilot, lambda: "data.jsonl · line 2" in text(app))
        assert any("E opens the first" in said for said in messages(app))
        await settled(pilot, lambda: "▲ new" in text(app))  # it is still read beside them


async def test_shelves_are_headed_and_the_cursor_passes_them(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, "mini")
        slugs = []
        for _ in range(4):
            slugs.append(table(app).current.slug)
            await pilot.press("j")
        assert slugs[:3] == ["mini", "tiny-old-bird-names", "tiny-dated-names"] and slugs[3]
        listed = [table(app).row(i) for i in range(len(table(app)))]
        assert [row.shelf for row in listed if row.is_heading] == ["miniature", "field"]


async def test_no_key_touches_the_disk(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    app = WgenApp(home, experiment="mini")
    opened: list[object] = []
    watching = False

    def hook(event: str, args: tuple[object, ...]) -> None:
        if watching and event in DISK and threading.current_thread() is threading.main_thread():
            opened.append(args[0])

    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, "mini")
        sys.addaudithook(hook)
        for key in ("j", "k", "v", "c", "escape", "slash", "escape", "z", "z", "p", "escape"):
            watching = True
            await pilot.press(key)
            watching = False
        await settled(pilot, lambda: not app.screen.is_modal)
    assert [place for place in opened if str(home.root) in str(place)] == []


async def test_a_row_has_the_newest_headline_and_no_key_asks_for_one(
    home: Home, mini: MiniHome
) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, "mini")
        await settled(pilot, lambda: "+100.0" in text(app))
        line = next(line for line in text(app).splitlines() if "▶ mini" in line)
        assert re.search(r"✓5 +■ ·····│[·├─]+● +\+100\.0", line), line
        assert "■ old − new +100.0 points" in text(app)
        tickets = dict(app.screen._tickets)
        await pilot.press("j", "k", "j", "k")
        await settled(pilot, lambda: not app.screen.settling)
        assert app.screen._tickets["headline"] == tickets["headline"]
        failed = mini.run("old", 7)
        mini.launch([failed], "failed", "no room")
        mini.draw(mini.run("old", 3), lambda q, d: "By train")
        await settled(pilot, lambda: app.screen._tickets["headline"] > tickets["headline"])
        await settled(pilot, lambda: "+66.7 points [" in text(app))
        # Data may have come while it was computed: then it is computed once more.
        (folder,) = (i.path for i in app.screen.in_view() if i.slug == "mini")
        await settled(pilot, lambda: "mini" in headlines_file.current(home, [("mini", folder)]))
    headlines_file._seen.clear()  # what the next process finds
    kept = home.headlines.read_bytes()
    again = WgenApp(home, experiment="mini")
    async with again.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "+66.7 points [" in text(again))
        await settled(pilot, lambda: again.screen._tickets.get("headline"))  # a run is queued
        await settled(pilot, lambda: not again.screen.loading_any)
        assert home.headlines.read_bytes() == kept, "shown without computing it"
        await pilot.press("6")
        (home.journal / "grades-ada-x.jsonl").write_text("\n")
        await pilot.press("1")
        await settled(pilot, lambda: home.headlines.read_bytes() != kept)


async def test_a_filter_is_named_and_esc_lists_all_again(home: Home) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app, pilot, "mini")
        assert "enter results" in text(app), "it has runs"
        await pilot.press("slash", *"tiny robot", "enter")
        await ready(app, pilot, "tiny-robot")
        assert "experiments with 'tiny robot'" in text(app)
        assert "enter take in hand" in text(app)
        await pilot.press("p", "slash", *" zzz", "enter")
        await settled(pilot, lambda: "No experiment matches" in text(app))
        await pilot.press("escape")
        await settled(pilot, lambda: "All experiments are listed again." in text(app))
        assert "with 'tiny" not in text(app)


async def test_arms_show_how_their_data_begin(mini: MiniHome) -> None:
    mini.definition("a")
    data = mini.home.experiments / "a" / "data.jsonl"
    app = WgenApp(mini.home, experiment="a")
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app, pilot, "a")
        await settled(pilot, lambda: text(app).count("1 row   “b”") == 2)
        data.write_text(data.read_text() * 3)
        await pilot.press("j", "k")
        await settled(pilot, lambda: text(app).count("3 rows  “b”") == 2)
        data.write_text("[}\n")
        await pilot.press("j", "k")
        await settled(pilot, lambda: text(app).count("its data are wrong: v") == 2)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_what_enter_takes_in_hand_is_named_on_every_screen(
    home: Home, size: tuple[int, int]
) -> None:
    app = WgenApp(home, experiment="mini")
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot, "mini")
        await pilot.press("j")
        await settled(pilot, lambda: app.screen._shown == "tiny-old-bird-names")
        assert app.experiment == "mini", "where the cursor passes is not taken"
        await pilot.press("enter")
        assert app.experiment == "tiny-old-bird-names"
        for key in "123456":
            await pilot.press(key)
            await settled(pilot, lambda: "tiny-old-bird" in text(app).splitlines()[0])
