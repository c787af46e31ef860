"""A day's work over ssh: the line dies, the work goes on, and nothing leaves the screens."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import sshd
from tests.builders.tmux import Tmux
from tests.builders.waiting import until
from tests.e2e.conftest import Shell

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(sshd.why_not()), reason=sshd.why_not())]
EXPERIMENT = "tiny-old-bird-names"


class Person:
    """Someone at a terminal of their own, who works in a tmux behind a line.

    Attributes:
        box: The tmux behind the line.
    """

    def __init__(self, line: list[str], program: str) -> None:
        self.box = Tmux()
        self._desks: list[Tmux] = []
        self._line = line
        self._program = program

    def connect(self, width: int, height: int) -> None:
        """Log in from a terminal of this size, to what was left there."""
        work = f"tmux -L {self.box.name} -f /dev/null new-session -A -s work"
        remote = f"{work} {shlex.quote(self._program)}"
        size = ("-x", str(width), "-y", str(height))
        desk = Tmux()  # one that ends with its only window takes no other meanwhile
        self._desks.append(desk)
        self.press, self.until = desk.press, desk.until
        desk("new-session", "-d", *size, shlex.join([*self._line, remote]))

    def lose_the_line(self) -> None:
        """The connection dies as when a laptop is shut."""
        os.kill(int(self._desks[-1]("list-panes", "-F", "#{pane_pid}")), signal.SIGKILL)
        until(lambda: not self.box("list-clients"), "nobody is connected")

    def leave(self) -> None:
        for desk in self._desks:
            desk("kill-server")
        self.box("kill-server")


@pytest.fixture
def person(shell: Shell, tmp_path: Path) -> Iterator[Person]:
    program = tmp_path / "wgen-tui"
    program.write_text(f'#!/bin/sh\nLOGNAME=ada exec {shlex.join(shell.command())} "$@"\n')
    program.chmod(0o755)
    with sshd.sshd(tmp_path / "sshd") as line:
        someone = Person(line, str(program))
        yield someone
        someone.leave()


def test_a_days_work_over_ssh(person: Person) -> None:
    person.connect(80, 24)
    person.until("experiments ━", "card ─", "all keys")

    # Start the demo's experiment, smaller.
    person.press("/")
    person.until("Filter experiments")
    person.press(EXPERIMENT, "Enter")
    person.until(f"▶ {EXPERIMENT}", "Old bird names, in miniature", without="Filter experiments")
    person.press("s")
    person.until("Start tiny-old-bird-names", "samples")
    person.press("Tab", "Down", "Down", "Space")
    person.until("[x] old_birds", "[x] modern_audubon", "[ ] modern_american")
    person.press("Tab", "0", "Tab", "3")
    person.until("216 over 24 prompts")
    person.press("C-s")
    person.until("queued; press 2 to watch")
    person.press("2")
    person.until("old_birds", "modern_audubon", "▶")

    # Detach and come back; then the line dies, and another terminal is larger.
    person.press("C-b", "d")
    until(lambda: not person.box("list-clients"), "detached")
    person.connect(80, 24)
    person.until("old_birds", "all keys")
    person.lose_the_line()
    person.connect(160, 48)
    person.until("✓ 3 finished", "all keys")

    # Browse and compare.
    person.press("3")
    person.until("What", "216")
    person.press("j", "j", "=")
    person.until("old_birds", "modern_audubon", "only flips")
    person.press("l", "]", "Escape")
    person.until("216", "at random")

    # Grade ten, each with one key.
    person.press("4")
    person.until("0 of 216")
    for number in range(1, 11):
        person.press("m")
        person.until(f"{number} of 132")  # the plan: 120, and a tenth of them twice

    # From a number its samples, and back; its query, a row of it, a copy.
    person.press("5")
    person.until("●", "old_birds", "modern_audubon")
    person.press("Enter")
    person.until("72  Results › old_birds", "esc back", "prompt as the model read it")
    person.press("Escape")
    person.until("●", "i method", without="esc back")
    person.press("w")
    person.until("select", "ctrl+j")
    person.press("C-j")
    person.until("72 rows")
    person.press("y")
    person.until("tmux's buffer")
    assert "old_birds" in person.box("show-buffer")

    # Quit: the screens end, what was done stays.
    person.press("q")
    until(lambda: not person.box("list-sessions"), "the screens have ended")
