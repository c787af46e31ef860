"""Nothing that a home says reaches a terminal as anything but text.

Promises of the test: hostile text stands in every field of a home that takes one, and every command
is read as it leaves the program, on a terminal and in a pipe; `--json` and data in pipes aside.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import click
import pytest

from tests.builders.hostile_home import HOSTILE, OBEYED, hostile_home
from tests.builders.mini_home import DEFINITION, MiniHome
from wgen_tui.cli import patience
from wgen_tui.cli.group import group
from wgen_tui.cli.main import main
from wgen_tui.cli.progress import follow
from wgen_tui.paths import Home
from wgen_tui.services.control.watch import Snapshot
from wgen_tui.services.runs.runs import RunList
from wgen_tui.services.supervisor import lifecycle


class _Terminal(io.StringIO):
    """What a terminal is sent."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[MiniHome]:
    """The home; a supervisor that a command left is stopped."""
    mini = hostile_home(Home(tmp_path / "home"))
    yield mini
    if pid := lifecycle.supervisor_pid(mini.home):
        os.kill(pid, signal.SIGKILL)


def _commands(mini: MiniHome, other: Path) -> list[tuple[str, ...]]:
    run_id = next(name for name in mini.samples if "-old-" in name)
    waiting = "mini-old-s7-0000000000"
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
        ("results", "mini", "--details"),
        ("results", "mini", "--by", "judge"),
        ("results", "mini", "--measure", HOSTILE),
        ("results", "mini", "--figure", str(other / f"no{HOSTILE}" / "f.svg")),
        ("grade", "judge", "mini"),
        ("grade", "judge", "mini", "--judge", HOSTILE),
        ("grade", "judge", "mini", "--judge-model", f"{HOSTILE}={HOSTILE}"),
        ("grade", "judge", HOSTILE, "--dry-run"),
        ("grade", "export", "mini", "--graders", HOSTILE),
        ("sample", "export", "--format", HOSTILE),
        ("screen", HOSTILE),
        ("screen", "runs", "--size", HOSTILE),
        ("sql", "--saved", HOSTILE),
        ("sql", "select * from samples_wide"),
        ("sql", "select * from grades"),
        ("sql", f"select '{HOSTILE}' as \"{HOSTILE}\", x"),
        ("store", "info"),
        ("store", "verify"),
        ("store", "merge", str(other), "--dry-run"),
        ("store", "merge", str(other)),
        ("doctor",),
        ("experiment", "show", "other-models"),
        ("experiment", "validate", "other-models"),
        ("experiment", "new", HOSTILE),
        ("experiment", "new", "mini"),
        ("experiment", "new", "mine"),
        ("experiment", "schema"),
        ("experiment", "preview", "mini", "--arm", HOSTILE),
        ("experiment", "preview", "mini", "--model", HOSTILE),
        ("run", "start", "other-models", "--dry-run"),
        ("run", "watch", run_id),
        ("run", "watch", HOSTILE),
        ("run", "watch", "--experiment", f"no{HOSTILE}"),
        ("run", "verify", HOSTILE),
        ("run", "pause", "--queue", "--why", HOSTILE),
        ("run", "pause", HOSTILE),
        ("run", "priority", HOSTILE, "--first"),
        ("run", "priority", waiting, "--by", "1"),
        ("run", "priority", waiting, "--to", HOSTILE),
        ("run", "resume", waiting),
        ("run", "retry", HOSTILE),
        ("run", "retry", run_id),
        ("run", "retry", waiting),
        ("run", "cancel", waiting),
        ("run", "rm", HOSTILE, "--yes"),
        ("run", "rm", waiting, "--yes"),
        ("sample", "top-up", "mini", "--n", "9", "--question", HOSTILE),
        ("sample", "top-up", HOSTILE, "--n", "9"),
        ("grade", "screen", HOSTILE),
        ("store", "rebuild"),
        ("demo", HOSTILE),
        (HOSTILE,),
        ("--home", f"/nowhere/{HOSTILE}", "run", "list"),
    ]


def _leaves(command: click.Command, name: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield name
        return
    context = click.Context(command)
    for word in command.list_commands(context):
        found = command.get_command(context, word)
        assert found is not None
        yield from _leaves(found, (*name, word))


def _others(listed: list[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Commands that nobody listed: each is asked for hostile words, and for an experiment."""
    for leaf in _leaves(group):
        if not any(words[: len(leaf)] == leaf for words in listed):
            yield from ((*leaf, HOSTILE), (*leaf, "mini"))


ON_TERMINALS = [
    ("experiment", "preview", "mini"),
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
    commands += _others([*commands, *ON_TERMINALS])
    for words in [*commands, *(ON_TERMINALS if kind == "terminal" else [])]:
        out, err = sink(), sink()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(["--home", str(hostile.home.root), *words])
        for said in (out.getvalue(), err.getvalue()):
            at = OBEYED.search(said)
            assert not at, (words, code, said[max(0, at.start() - 60) : at.end() + 20])


@pytest.mark.parametrize("kind", ["terminal", "pipe"])
def test_what_is_told_of_live_runs_is_text(
    hostile: MiniHome, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    runs = [*RunList(hostile.home).refresh()]
    (waits,) = (run for run in runs if run.live and OBEYED.search(run.arm))
    at_work = {"state": "running", "stage": "sample", "why": HOSTILE, "unit": HOSTILE}
    runs.append(waits.model_copy(update={**at_work, "done": 1, "total": 2}))
    err = _Terminal() if kind == "terminal" else io.StringIO()
    with contextlib.redirect_stderr(err):
        follow([Snapshot(tuple(runs), (HOSTILE,))])
    assert "›" in err.getvalue()
    assert not _obeyed_beside_ours(err.getvalue())


def _obeyed_beside_ours(said: str) -> re.Match[str] | None:
    """What is obeyed of a text, but for the moves and colours of a bar."""
    assert "[2J" not in said.replace("␛[2J", "")
    return OBEYED.search(re.sub(r"\x1b\[[0-9;?]*[A-KSTmhl]|\r", "", said))


class _Once(Event):
    """An event that is set at the third look."""

    looks = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.looks += 1
        return self.looks > 2


def test_what_a_bar_is_about_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    err = _Terminal()
    with contextlib.redirect_stderr(err):
        patience._bar(f"Checking {HOSTILE}", "examples", [1, 2], _Once())
    assert "Checking" in err.getvalue()
    assert not _obeyed_beside_ours(err.getvalue())
