"""The top of the command line: help, errors, exit codes, what is imported."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from wgen_tui import __version__
from wgen_tui.cli.group import NOUNS, group
from wgen_tui.cli.main import bare
from wgen_tui.paths import Home

Program = Callable[..., subprocess.CompletedProcess[str]]
PROGRAM = Path(sys.executable).with_name("wgen-tui")
HEAVY = ("torch", "duckdb", "textual", "pyarrow", "numpy", "scipy", "transformers", "accelerate")


def test_help_names_every_noun_and_loads_none(program: Program) -> None:
    shown = program("--help").stdout
    assert all(name in shown for name in NOUNS)
    code = (
        "import sys; from wgen_tui.cli import main; main(['--help']);"
        "print('LOADED', *sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split("LOADED")[1].split()}
    assert not loaded & set(HEAVY)
    assert not {f"wgen_tui.cli.{name}" for name in NOUNS} & set(done.stdout.split())


@pytest.mark.parametrize("name", NOUNS)
def test_the_listed_help_is_the_nouns_own(name: str) -> None:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    assert command.get_short_help_str(limit=200) == NOUNS[name]


@pytest.mark.parametrize("name", NOUNS)
def test_the_help_of_a_noun_is_light(name: str) -> None:
    code = (
        f"import sys; from wgen_tui.cli import main; main([{name!r}, '--help']);"
        "print('LOADED', *sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage")
    loaded = {word.split(".")[0] for word in done.stdout.split("LOADED")[1].split()}
    assert not loaded & set(HEAVY)


def test_version(program: Program) -> None:
    assert __version__ in program("--version").stdout


def test_a_mistyped_noun_is_a_usage_error(program: Program) -> None:
    assert "Did you mean 'run'" in program("rnu", "list", code=2).stderr


def test_an_option_that_is_none_is_a_usage_error(program: Program) -> None:
    assert "--frsh" in program("demo", "--frsh", code=2).stderr


def test_errors_are_json_where_json_was_asked(program: Program) -> None:
    done = program("run", "show", "nothing", "--json", code=2)
    assert done.stdout == ""
    error = json.loads(done.stderr)
    assert error["schema"] == 1
    assert error["error"]["exit_code"] == 2
    assert "nothing" in error["error"]["message"]
    assert json.loads(program("run", "--json", code=2).stderr)["error"]["exit_code"] == 2


def test_without_a_terminal_the_screens_say_so(program: Program, home: Home) -> None:
    assert "terminal" in program(code=2).stderr
    assert not home.root.exists()


def test_a_newer_home_is_refused(program: Program, home: Home) -> None:
    home.root.mkdir()
    home.marker.write_text('{"format": 999}\n')
    for words in (["run", "list"], ["store", "verify"], ["run", "start", "tiny-old-bird-names"]):
        assert "newer" in program(*words, code=2).stderr
    assert [path.name for path in home.root.iterdir()] == ["home.json"]


def test_the_home_may_come_from_the_environment(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "doctor", "--json"],
        env={**os.environ, "WGEN_HOME": str(tmp_path / "there")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert str(tmp_path / "there") in done.stdout


def test_looking_makes_no_home(program: Program, home: Home) -> None:
    assert json.loads(program("run", "list", "--json").stdout) == {"schema": 1, "runs": []}
    program("run", "watch")
    assert not home.root.exists()


def test_a_closed_pipe_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [PROGRAM, "--help"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(write)
    assert done.stderr == ""


def test_on_a_terminal_an_error_is_a_panel(tmp_path: Path) -> None:
    shown = on_a_terminal("--home", str(tmp_path), "run", "show", "nothing")
    assert "Unknown run" in shown
    assert "─" in shown


@pytest.mark.parametrize("words", [["--home", "{home}"], ["--home={home}", "--readonly"]])
def test_where_the_screens_cannot_open_it_is_said_as_elsewhere(
    words: list[str], tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.write_text("")
    shown = on_a_terminal(*(word.format(home=place) for word in words))
    assert "Not a home" in shown


@pytest.mark.parametrize(
    ("words", "readonly"),
    [
        (["--home", "{home}"], False),
        (["--readonly", "--home={home}"], True),
        (["--home", "elsewhere", "--home", "{home}"], False),
        (["--home"], None),
        (["--home", "{home}", "run"], None),
        (["--home", "{home}", "--help"], None),
        (["--readonly=yes"], None),
        (["--home", "{home}\udcff"], None),
    ],
)
def test_the_screens_alone_are_opened_without_click(
    words: list[str], readonly: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True)
    found = bare([word.format(home=tmp_path) for word in words])
    assert found == (None if readonly is None else Home(tmp_path, readonly=readonly))


def test_ctrl_c_exits_130(home: Home) -> None:
    """A real SIGINT, at the moment when the command begins to look at the runs."""
    code = (
        "import signal, sys\n"
        "from wgen_tui.cli import main\n"
        "def interrupt(frame, event, argument):\n"
        "    if frame.f_code.co_name == 'list_runs':\n"
        "        sys.setprofile(None)\n"
        "        signal.raise_signal(signal.SIGINT)\n"
        "sys.setprofile(interrupt)\n"
        "sys.exit(main(['--home', sys.argv[1], 'run', 'list']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(home.root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 128 + signal.SIGINT
    assert "Traceback" not in done.stderr


def on_a_terminal(*words: str) -> str:
    """What the program shows on a terminal of its own."""
    main, side = pty.openpty()
    process = subprocess.Popen([PROGRAM, *words], stdin=side, stdout=side, stderr=side)
    os.close(side)
    shown = b""
    try:
        while data := os.read(main, 4096):
            shown += data
    except OSError:
        pass  # Linux's way to say that the other side is closed
    process.wait()
    os.close(main)
    return shown.decode()
