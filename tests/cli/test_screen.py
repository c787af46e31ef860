"""`wgen-tui screen`: what a person would see, as text or SVG, without a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.mini_home import MiniHome
from wgen_tui.cli.main import main
from wgen_tui.paths import Home
from wgen_tui.ui.still import key_of, size_of


@pytest.fixture
def mini(tmp_path: Path) -> MiniHome:
    """An experiment with samples and grades of two arms."""
    home = MiniHome(Home(tmp_path / "home"))
    home.definition()
    for arm, role in (("old", "treatment"), ("new", "control")):
        words = "By coach" if arm == "old" else "By train"
        home.draw(home.run(arm, 0, role), lambda q, d, words=words: f"{words}, {d} {q}")
    return home


def screen(mini: MiniHome, *words: str) -> int:
    return main(["--home", str(mini.home.root), "screen", *words])


def test_a_screen_is_printed_once_it_has_what_it_reads(
    mini: MiniHome, capsys: pytest.CaptureFixture[str]
) -> None:
    assert screen(mini, "samples", "--size", "90x30", "--experiment", "mini") == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 90
    assert "By coach, 0 transport" in shown.out
    assert "12" in lines[1], "how many there are is counted"
    assert not shown.err


def test_keys_are_pressed_and_waited_for(
    mini: MiniHome, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["samples", "--size", "90x30", "--press", "/ a r m = n e w enter"]
    assert screen(mini, *words) == 0
    shown = capsys.readouterr().out
    assert "By train" in shown
    assert "By coach" not in shown


def test_a_picture_is_one_file_that_fetches_nothing(
    mini: MiniHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "results.svg"
    assert screen(mini, "results", "--experiment", "mini", "--svg", str(target)) == 0
    picture = target.read_text()
    assert picture.startswith("<svg")
    assert "old" in picture
    assert "font-face" not in picture
    assert str(target) in capsys.readouterr().err


def test_it_starts_nothing(mini: MiniHome, capsys: pytest.CaptureFixture[str]) -> None:
    mini.run("old", 1)
    before = {path for path in mini.home.root.rglob("*") if "wgen.duckdb" not in path.name}
    assert screen(mini, "runs", "--size", "80x24") == 0
    assert "old" in capsys.readouterr().out
    after = {path for path in mini.home.root.rglob("*") if "wgen.duckdb" not in path.name}
    assert not {path.name for path in after - before} & {"supervisor.log", "supervisor.lock"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resluts"], "There is no screen 'resluts'"),
        (["runs", "--size", "wide"], "'wide' is not a size"),
        (["runs", "--size", "9999x9999"], "up to 500x200"),
        (["samples", "--experiment", "mnii"], "Did you mean mini?"),
        (["runs", "--press", "entr"], "Did you mean enter?"),
        (["runs", "--svg", "/nowhere/at/all.svg"], "Not written"),
    ],
)
def test_mistakes_are_named(
    mini: MiniHome, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert screen(mini, *words) == 2
    assert said in capsys.readouterr().err


def test_names_of_keys_and_sizes() -> None:
    assert [key_of(name) for name in ("j", "/", "esc", "ctrl+o", "f5", "shift+tab")] == [
        *("j", "slash", "escape", "ctrl+o", "f5", "shift+tab")
    ]
    assert size_of("80x24") == (80, 24)
