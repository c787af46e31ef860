"""Nothing that a home says reaches a terminal as anything but text.

Promises of the test: hostile text stands in every field of a home that takes one, and every command
is read as it leaves the program, on a terminal and in a pipe; `--json` and data in pipes aside.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest

from tests.builders.hostile_home import HOSTILE, OBEYED, hostile_home
from tests.builders.mini_home import DEFINITION, MiniHome
from wgen_tui.cli.main import main
from wgen_tui.paths import Home


class _Terminal(io.StringIO):
    """What a terminal is sent."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def hostile(tmp_path: Path) -> MiniHome:
    return hostile_home(Home(tmp_path / "home"))


def _commands(mini: MiniHome, other: Path) -> list[tuple[str, ...]]:
    run_id = next(name for name in mini.samples if "-old-" in name)
    sample = str(mini.samples[run_id][0])
    return [
        ("experiment", "list"),
        ("experiment", "show", "mini"),
        ("experiment", "show", HOSTILE),
        ("experiment", "validate", "mini"),
        ("experiment", "validate", "broken"),
        ("experiment", "validate", "odd\x1b[2J\u202e"),
        ("experiment", "copy", "mini", HOSTILE),
        ("run", "list"),
        ("run", "show", run_id),
        ("run", "show", "mini-old-s7-0000000000"),
        ("run", "show", HOSTILE),
        ("run", "logs", run_id),
        ("run", "start", "mini", "--dry-run"),
        ("run", "start", "mini", "--arm", HOSTILE),
        ("run", "start", "mini", "--model", f"s:{HOSTILE}"),
        ("run", "cancel", HOSTILE),
        ("sample", "list"),
        ("sample", "list", "--experiment", "mini", "--arm", HOSTILE),
        ("sample", "show", sample),
        ("sample", "search", "coach"),
        ("sample", "search", HOSTILE),
        ("grade", "agreement", "mini"),
        ("grade", "import", "mini", HOSTILE),
        ("results", "mini"),
        ("results", "mini", "--by", "question"),
        ("results", "mini", "--judge", HOSTILE),
        ("results", "mini", "--sql"),
        ("sql", "select * from samples_wide"),
        ("sql", "select * from grades"),
        ("sql", f"select '{HOSTILE}' as \"{HOSTILE}\", x"),
        ("store", "info"),
        ("store", "verify"),
        ("store", "merge", str(other), "--dry-run"),
        ("store", "merge", str(other)),
        ("doctor",),
        (HOSTILE,),
        ("--home", f"/nowhere/{HOSTILE}", "run", "list"),
    ]


ON_TERMINALS = [
    ("sample", "export", "--experiment", "mini"),
    ("grade", "export", "mini"),
    ("sql", "select * from samples", "--format", "csv"),
]


@pytest.mark.parametrize("kind", ["terminal", "pipe"])
def test_no_command_sends_what_a_terminal_obeys(
    hostile: MiniHome, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")  # no colours of our own
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    other = MiniHome(Home(tmp_path / "other\x1b[2J\u202e"))
    run_id = other.run("old", 5)
    other.draw(run_id, lambda question, draw: HOSTILE)
    other.definition("mini", text=DEFINITION)  # another one than here
    other.definition("nice\x1b[2J")
    (other.home.runs / "odd\x1b[2J\u202e").symlink_to("nowhere")
    (other.home.journal / "grades-\x1b[2J\u202e.jsonl").symlink_to("nowhere")
    sink = _Terminal if kind == "terminal" else io.StringIO
    commands = _commands(hostile, other.home.root)
    for words in [*commands, *(ON_TERMINALS if kind == "terminal" else [])]:
        out, err = sink(), sink()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["--home", str(hostile.home.root), *words])
        for said in (out.getvalue(), err.getvalue()):
            at = OBEYED.search(said)
            assert not at, (words, code, said[max(0, at.start() - 60) : at.end() + 20])
