"""A screen that is left alone reads nothing of what has not changed."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.builders.file_reads import files_opened
from tests.builders.mini_home import MiniHome
from tests.builders.screen import Machine, settled, text
from wgen_tui.paths import Home
from wgen_tui.ui import services
from wgen_tui.ui.app import WgenApp


@pytest.mark.parametrize(
    ("screen", "shown"), [("experiments", "Old names"), ("runs", "graded all")]
)
async def test_what_has_not_changed_is_not_read_again(
    home: Home, machine: Machine, screen: str, shown: str
) -> None:
    app = WgenApp(home, screen=screen, experiment="mini", machine=machine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: shown in text(app) and not app.screen._busy)
        # What is begun once the first screen is there, such as a supervisor, reads launches once.
        await settled(pilot, lambda: app._next_supervisor_check > 0 and not list(app.workers))
        polls = app.screen._tickets["list"]
        await settled(pilot, lambda: app.screen._tickets["list"] > polls and not app.screen._busy)
        with files_opened() as opened:
            polls = app.screen._tickets["list"]
            await settled(
                pilot, lambda: app.screen._tickets["list"] > polls + 1 and not app.screen._busy
            )
    folders = (home.runs, home.launches, home.experiments)
    assert not [path for path in opened if any(path.is_relative_to(folder) for folder in folders)]


async def test_a_line_of_the_log_is_shown_when_it_comes(mini: MiniHome, machine: Machine) -> None:
    mini.definition()
    run_id = mini.run("old", 0, "treatment")
    mini.launch([run_id])
    launch = next(iter(mini.home.launches.iterdir())).name
    app = WgenApp(mini.home, screen="runs", machine=machine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: "graded all" in text(app))
        with mini.home.launch(launch).log.open("a") as log:
            log.write("one word more\n")
        await settled(pilot, lambda: "one word more" in text(app))


async def test_the_bar_says_what_failed_whatever_else_is_read(
    home: Home, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, whole = threading.Event(), services.samples.search

    def held(*args: Any, **kwargs: Any) -> Any:
        assert gate.wait(30)
        return whole(*args, **kwargs)

    monkeypatch.setattr(services.samples, "search", held)
    failing = MiniHome(home)
    failing.launch([failing.run("old", 9)], "failed", "Line 3 is no chat.", "train", "Bad data")
    app = WgenApp(home, screen="samples", experiment="mini", machine=machine)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and app.screen.loading_any)
        for _ in range(3):
            app.screen._poll_bar()
        await settled(pilot, lambda: "mini · ✗ 1" in text(app))
        assert app.screen.busy("search")
        monkeypatch.setattr(services.runs, "list_runs", held)
        await pilot.press("6")
        await settled(pilot, lambda: app.screen.SCOPE == "sql")
        assert "mini · ✗ 1" in text(app), "another screen says at once what this one knew"
        gate.set()
