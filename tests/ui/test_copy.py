"""What is said of a copy is so: in tmux, beside it, and where neither takes it."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.screen import messages, settled, table
from tests.builders.tmux import Tmux
from tests.builders.waiting import until
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.themes import shows_utf8
from wgen_tui.ui.widgets.clipboard import FILE, copy, osc52
from wgen_tui.ui.widgets.clipboard import LIMIT as LONGEST

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    server = Tmux()
    yield server
    server("kill-server")


@needs_tmux
@pytest.mark.parametrize("takes", ["external", "on"])
def test_in_tmux_the_buffer_has_it_before_it_is_said(home: Home, tmux: Tmux, takes: str) -> None:
    command = f"{sys.executable} -c 'from wgen_tui.cli.main import main; main()'"
    tmux("new-session", "-d", "-x", "100", "-y", "30", f"{command} --home {home.root} --readonly")
    tmux("set", "-g", "set-clipboard", takes)
    tmux.until("Birds")
    tmux("send-keys", "3")
    tmux.until("What of ")
    tmux("send-keys", "y")
    tmux.until("tmux's buffer")
    assert tmux("show-buffer").startswith("user: What of bird?\n\nassistant: By train, 0 bird")


def test_beside_tmux_a_file_has_what_the_terminal_may_have(tmp_path: Path) -> None:
    copied = copy("horse 漢", {"TERM": "xterm-256color"}, tmp_path / "exports")
    path = tmp_path / "exports" / FILE
    assert copied.sequence == osc52("horse 漢") == "\x1b]52;c;aG9yc2Ug5ryi\x07"
    assert "does not say" in copied.said and str(path) in copied.said and copied.safe
    assert path.read_text() == "horse 漢"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "environment",
    [{"TERM": "dumb"}, {"TERM": "linux"}, {"TERM": "xterm", "TMUX": "/nowhere/tmux,1,0"}],
    ids=lambda environment: " ".join(environment.values()),
)
def test_where_nobody_takes_it_the_file_alone_has_it(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    copied = copy("horse", environment | {"PATH": os.environ["PATH"]}, tmp_path)
    assert copied.sequence == "" and "Copied" not in copied.said
    assert str(tmp_path / FILE) in copied.said
    assert (tmp_path / FILE).read_text() == "horse"


def test_what_is_too_long_is_in_the_file(tmp_path: Path) -> None:
    copied = copy("x" * LONGEST, {"TERM": "xterm"}, tmp_path)
    assert copied.sequence == "" and copied.said.startswith("Too long for the terminal")
    assert len((tmp_path / FILE).read_text()) == LONGEST


def test_a_file_that_cannot_be_written_is_not_claimed(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    copied = copy("horse", {"TERM": "dumb"}, tmp_path)
    assert not copied.safe and "not written" in copied.said and "irectory" in copied.said


async def test_readonly_writes_no_file_and_says_so(home: Home) -> None:
    app = WgenApp(home, screen="samples", readonly=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: table(app).current is not None and app.screen._detail)
        await pilot.press("y")
        await settled(pilot, lambda: any("--readonly" in said for said in messages(app)))
        assert not home.exports.exists()
        assert app.clipboard.startswith("user: What of bird?")


@needs_tmux
@pytest.mark.parametrize(("locale", "shows"), [("C", False), ("C.UTF-8", True)])
def test_without_a_locale_tmux_is_asked_what_its_client_shows(
    tmux: Tmux, locale: str, shows: bool
) -> None:
    tmux("new-session", "-d", "-s", "work", "cat")
    where = tmux("display-message", "-p", "-t", "work", "#{socket_path},#{pid},#{session_id}")
    desk = Tmux()
    attach = f"tmux -L {tmux.name} attach -t work"
    desk("new-session", "-d", f"env -u TMUX LC_ALL={locale} {attach}")
    try:
        until(lambda: tmux("list-clients"), "nobody attaches")
        told = {"PATH": os.environ["PATH"], "TMUX": where.strip().replace(",$", ",")}
        assert shows_utf8(told) is shows
        assert shows_utf8(told | {"LANG": "en_US.UTF-8"})
    finally:
        desk("kill-server")
